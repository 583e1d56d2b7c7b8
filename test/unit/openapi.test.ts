import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { errorCodes, ErrorAnswer, httpStatuses } from '../../src/api/errors.ts'
import { commonHeaders, commonRefusals, type Operation } from '../../src/api/operation.ts'
import { containerOperations } from '../../src/api/container-operations.ts'
import { operations } from '../../src/api/operations.ts'
import { jsonSchemaOf, normal } from '../kit/json-schemas.ts'

/* docs/openapi.yaml and docs/openapi-container.yaml against src/api, both ways: what one of them has, the other has, and alike. */

const Json = z.record(z.string(), z.unknown())
const Content = z.record(z.string(), z.strictObject({ schema: z.optional(Json) })).default({})
const Header = z.strictObject({ description: z.string(), required: z.boolean(), schema: Json })
const Parameter = z.strictObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  required: z.boolean(),
  description: z.string().optional(),
  schema: Json
})
const Method = z.strictObject({
  operationId: z.string(),
  tags: z.array(z.string()),
  summary: z.string(),
  description: z.string().optional(),
  parameters: z.array(Parameter).default([]),
  requestBody: z.strictObject({ required: z.boolean(), content: Content }).optional(),
  responses: z.record(
    z.string().regex(/^\d{3}$/),
    z.strictObject({
      description: z.string().min(1),
      headers: z.record(z.string(), Header).default({}),
      content: Content
    })
  )
})
const Paths = z.record(z.string(), z.object({ parameters: z.array(Parameter).default([]) }).catchall(Json))

type Described = z.output<typeof Method> & { readonly path: string; readonly method: string }

/** The methods that a document describes. */
function methodsIn(file: string): Described[] {
  const root = Json.parse(parse(readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8')))
  const paths = Paths.parse(resolved(root, root['paths']))
  return Object.entries(paths).flatMap(([path, { parameters, ...item }]) =>
    Object.entries(item).map(([method, described]) => {
      const { parameters: own, ...rest } = Method.parse(described)
      return { path, method: method.toUpperCase(), ...rest, parameters: [...parameters, ...own] }
    })
  )
}

/** A part of a document with each reference replaced by what it names. */
function resolved(root: unknown, node: unknown): unknown {
  if (Array.isArray(node)) return node.map(each => resolved(root, each))
  if (typeof node !== 'object' || node === null) return node
  if (!('$ref' in node))
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolved(root, value)]))
  let target: unknown = root
  for (const step of String(node.$ref).split('/').slice(1)) target = Json.parse(target)[step]
  return resolved(root, target)
}

type Schemas = Readonly<Record<string, z.core.$ZodType>>

/** Parameters and headers that are not given, which those with a default may be, too. */
function isRequired(schema: z.core.$ZodType): boolean {
  return !z.safeParse(schema, undefined).success
}

function parametersOf({ path, query, headers }: Operation, common: Schemas): unknown[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    return { name, in: 'path', required: true, schema: { type: 'string' } }
  })
  const listed = (place: string, schemas: Schemas): unknown[] =>
    Object.entries(schemas).map(([name, schema]) => {
      return { name, in: place, required: isRequired(schema), schema: jsonSchemaOf(schema) }
    })
  return [...inPath, ...listed('query', query), ...listed('header', { ...common, ...headers })]
}

function contentOf(bodies: Readonly<Record<string, z.core.$ZodType | null>>): unknown {
  return Object.fromEntries(
    Object.entries(bodies).map(([type, schema]) => [type, schema === null ? null : jsonSchemaOf(schema)])
  )
}

function described(content: z.output<typeof Content>): unknown {
  return Object.fromEntries(
    Object.entries(content).map(([type, { schema }]) => [type, schema === undefined ? null : normal(schema)])
  )
}

function byName(parameters: readonly unknown[]): unknown[] {
  return parameters.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function refusalsOf({ refusals }: Operation): string[] {
  return [...commonRefusals, ...refusals].map(String).sort()
}

const isRefusal = (status: string): boolean => Number(status) >= 400

describe.each([
  ['openapi.yaml', operations, commonHeaders],
  ['openapi-container.yaml', containerOperations, {}]
] as const)('docs/%s', (file, known, common) => {
  const methods = methodsIn(file)

  test('the operations are the same', () => {
    const listed = Object.entries<Operation>(known).map(
      ([id, { method, path }]) => `${id}: ${method} ${path}`
    )
    expect(methods.map(each => `${each.operationId}: ${each.method} ${each.path}`).sort()).toEqual(
      listed.sort()
    )
  })

  test.each(Object.entries<Operation>(known))('%s is described as it is', (id, operation) => {
    const method = methods.find(each => each.operationId === id)
    const parameters = method?.parameters.map(({ name, in: place, required, schema }) => {
      return { name, in: place, required, schema: normal(schema) }
    })
    expect(byName(parameters ?? [])).toEqual(byName(parametersOf(operation, common)))
    expect(described(method?.requestBody?.content ?? {})).toEqual(contentOf(operation.bodies))
    // JSON is never left out.
    const takesJson = 'application/json' in operation.bodies
    expect(method?.requestBody?.required ?? false).toBe(takesJson)

    const responses = Object.entries(method?.responses ?? {})
    const done = responses.filter(([status]) => !isRefusal(status))
    expect(Object.fromEntries(done.map(([status, { content }]) => [status, described(content)]))).toEqual(
      Object.fromEntries(
        Object.entries(operation.answers).map(([status, bodies]) => [status, contentOf(bodies)])
      )
    )
    for (const [, { headers }] of done) {
      const written = Object.entries(headers).map(([name, { required, schema }]) => [
        name,
        required,
        normal(schema)
      ])
      const listed = Object.entries(operation.answerHeaders).map(([name, schema]) => [
        name,
        isRequired(schema),
        jsonSchemaOf(schema)
      ])
      expect(written.sort()).toEqual(listed.sort())
    }
    expect(
      responses
        .map(([status]) => status)
        .filter(isRefusal)
        .sort()
    ).toEqual(refusalsOf(operation))
  })

  test.each(methods)('$operationId is refused with the codes of its statuses', ({ method, responses }) => {
    for (const [status, { content }] of Object.entries(responses).filter(([status]) => isRefusal(status))) {
      // HEAD does not say why not.
      if (method === 'HEAD') expect(content).toEqual({})
      else {
        const codes = errorCodes.filter(code => httpStatuses[code] === Number(status)).sort()
        expect(content).toHaveProperty(
          ['application/json', 'schema', 'allOf'],
          [
            expect.anything(),
            { type: 'object', properties: { code: { enum: expect.anything() as unknown } } }
          ]
        )
        const { allOf } = z
          .object({ allOf: z.tuple([Json, z.object({ properties: Json })]) })
          .parse(content['application/json']?.schema)
        expect(normal(allOf[0])).toEqual(jsonSchemaOf(ErrorAnswer))
        expect(normal(allOf[1].properties['code'])).toEqual({ enum: codes })
      }
    }
  })
})
