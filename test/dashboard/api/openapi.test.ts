/** The OpenAPI document: valid, and about the routes that there are. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { openApi } from '../../../src/dashboard/api/openapi.ts'
import { ROUTES } from '../../../src/dashboard/api/table.ts'

type Operation = {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly description?: string }[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}

const document = openApi() as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document))
    expect(errors).toBeUndefined()
    expect(valid).toBe(true)
    expect(validator.version).toBe('3.1')
  })

  test('has each route of the table, and no other', () => {
    const said = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    expect(said.toSorted()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted())
  })

  test('names each operation once, and has a body for those that change something alone', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.entries(path))
    const names = operations.map(([, { operationId }]) => operationId)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/)
    for (const [method, { requestBody }] of operations) expect(requestBody === undefined).toBe(method === 'get')
  })

  test('points at nothing that it does not have', () => {
    const text = JSON.stringify(document)
    const pointed = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to = '']) => to)
    expect(pointed.length).toBeGreaterThan(50)
    for (const to of pointed) {
      expect(to).toMatch(/^#\/components\/schemas\/\w+$/)
      expect(document.components.schemas).toHaveProperty(to.split('/').at(-1) ?? '')
    }
  })

  test('has the words by which sagas are looked for, each with what it takes', () => {
    const parameters = document.paths['/sagas']?.['get']?.parameters ?? []
    const words = parameters.map(({ name }) => name)
    expect(words).toEqual(expect.arrayContaining(['status', 'compensated-step', 'compensated-by', 'limit', 'cursor']))
    for (const { description } of parameters) expect(description).toBeTypeOf('string')
  })
})
