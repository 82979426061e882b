/** The page on observability, the dashboard for Grafana and the alert rules name the metrics that there are, and no others. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../src/prometheus/metrics.ts'
import { ROOT, readPage } from './markdown.ts'

type Described = { readonly name: string; readonly help: string; readonly labelNames: readonly string[] }

const METRICS = [
  ...Object.values<Described>(COUNTERS).map((metric) => ({ ...metric, type: 'counter' })),
  ...Object.values<Described>(HISTOGRAMS).map((metric) => ({ ...metric, type: 'histogram' })),
  ...Object.values<Described>(GAUGES).map((metric) => ({ ...metric, type: 'gauge' })),
]

const read = (name: string) => readFileSync(join(ROOT, 'docs/observability', name), 'utf8')

/** The series that Prometheus has of a metric, with the labels of each. */
const SERIES = new Map(
  METRICS.flatMap(({ name, type, labelNames }): [string, readonly string[]][] =>
    type === 'histogram'
      ? [
          [`${name}_bucket`, [...labelNames, 'le']],
          [`${name}_sum`, labelNames],
          [`${name}_count`, labelNames],
        ]
      : [[name, labelNames]],
  ),
)

/** One sentence for each series and label of an expression that there is not. */
function unknownIn(expression: string): readonly string[] {
  const names = [...new Set(expression.match(/\bsaga_[a-z_]+/g) ?? [])]
  const labels = new Set(names.flatMap((name) => SERIES.get(name) ?? []))
  const used = [
    ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',')),
    ...[...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
      [...list.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    ),
  ].map((label) => label.trim())
  return [
    ...(names.length === 0 ? [`no metric in ${expression}`] : []),
    ...names.filter((name) => !SERIES.has(name)).map((name) => `there is no ${name}`),
    ...used.filter((label) => !labels.has(label)).map((label) => `no label ${label} in ${expression}`),
  ]
}

describe('the page on observability', () => {
  test('has a row for each metric, as it is registered', () => {
    const rows = readPage('docs/observability.md').text.match(/^\| `saga_.*$/gm) ?? []
    const expected = METRICS.map(({ name, type, labelNames, help }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} |${labels === '' ? '' : ` ${labels}`} | ${help} |`
    })
    expect(rows).toEqual(expected)
  })
})

describe('the dashboard for Grafana', () => {
  const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
    panels: { id: number; title: string; targets: { expr: string; legendFormat: string }[] }[]
    templating: { list: { query: string }[] }
  }

  test('asks for series and labels that there are', () => {
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    expect(expressions.length).toBeGreaterThan(20)
    expect(expressions.flatMap(unknownIn)).toEqual([])
    expect(dashboard.templating.list[1]?.query).toBe('label_values(saga_executions_total, definition)')
  })

  test('names in its legends what its expressions leave', () => {
    for (const { targets } of dashboard.panels)
      for (const { expr, legendFormat } of targets) {
        const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
          list.split(',').map((one) => one.trim()),
        )
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(kept).toContain(label)
      }
  })

  test('shows every metric that it has, or the rules do', () => {
    const text = `${read('grafana-dashboard.json')}${read('alerts.yml')}`
    const unseen = METRICS.filter(({ name }) => !text.includes(name)).map(({ name }) => name)
    expect(unseen).toEqual(['saga_taken_over_jobs_total', 'saga_fetched_jobs_total'])
  })

  test('has panels that can be told apart', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length)
  })
})

describe('the alert rules', () => {
  type Rule = {
    alert: string
    expr: string
    for?: string
    labels: { severity: string }
    annotations: { summary: string }
  }
  const { groups } = parse(read('alerts.yml')) as { groups: { name: string; rules: Rule[] }[] }
  const rules = groups.flatMap((group) => group.rules)

  test('ask for series and labels that there are', () => {
    expect(rules.length).toBeGreaterThanOrEqual(6)
    expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([])
  })

  test('have names of their own, a severity, a summary, and times as Prometheus writes them', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const rule of rules) {
      expect(rule.alert).toMatch(/^Saga[A-Za-z]+$/)
      expect(rule.labels.severity).toMatch(/^(page|ticket)$/)
      expect(rule.annotations.summary).not.toBe('')
      if (rule.for !== undefined) expect(rule.for).toMatch(/^\d+[smhd]$/)
    }
  })
})

describe('the scanner of expressions', () => {
  test('finds series and labels that there are not', () => {
    expect(unknownIn('sum by (definition) (rate(saga_executions_total[5m]))')).toEqual([])
    expect(unknownIn('rate(saga_executed_total[5m])')).toEqual(['there is no saga_executed_total'])
    expect(unknownIn('rate(saga_duration_seconds[5m])')).toEqual(['there is no saga_duration_seconds'])
    expect(unknownIn('sum by (queue) (saga_queue_depth)')).toEqual([
      'no label queue in sum by (queue) (saga_queue_depth)',
    ])
    expect(unknownIn('saga_live{state="running"}')).toEqual(['no label state in saga_live{state="running"}'])
    expect(unknownIn('up == 0')).toEqual(['no metric in up == 0'])
  })
})
