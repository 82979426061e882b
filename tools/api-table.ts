/** `npm run api:table`: writes the tables of routes and of problems in docs/api.md from the API itself. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROBLEM_CODES } from '../src/dashboard/api/problems.ts'
import { ROUTES } from '../src/dashboard/api/table.ts'

const PAGE = join(import.meta.dirname, '..', 'docs', 'api.md')

/** By the name of the comments that they stand between. */
export function apiTables(): Readonly<Record<'routes' | 'problems', string>> {
  const routes = ROUTES.map(({ method, path, right, summary }) => {
    const address = path.replace(/:(\w+)/g, '{$1}')
    return `| \`${method} ${address}\` | ${right === 'none' ? '' : right} | ${summary} |`
  })
  const problems = Object.entries(PROBLEM_CODES).map(([code, means]) => `| \`${code}\` | ${means} |`)
  return {
    routes: ['| route | right | |', '|---|---|---|', ...routes, ''].join('\n'),
    problems: ['| code | |', '|---|---|', ...problems, ''].join('\n'),
  }
}

if (import.meta.main) {
  let page = readFileSync(PAGE, 'utf8')
  for (const [name, table] of Object.entries(apiTables())) {
    page = page.replace(new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`), `$1${table}$2`)
  }
  writeFileSync(PAGE, page)
}
