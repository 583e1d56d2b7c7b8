import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'

/** One method of one path, as docs/openapi.yaml describes it. */
export interface Operation {
  readonly id: string
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** The parameters' names, by where they are. */
  readonly parameters: Readonly<Record<'path' | 'query' | 'header', readonly string[]>>
  /** What bodies it takes, by media type; null for bytes that no schema describes. */
  readonly bodies: ReadonlyMap<string, z.ZodType | null>
  readonly answers: ReadonlyMap<number, DescribedAnswer>
}

/** What one status of an operation comes with. */
export interface DescribedAnswer {
  readonly headers: ReadonlyMap<string, { readonly required: boolean; readonly schema: z.ZodType }>
  readonly bodies: ReadonlyMap<string, z.ZodType | null>
}

/** The whole description. */
export interface Description {
  readonly version: string
  readonly operations: readonly Operation[]
  /** The error codes of `components.schemas.ErrorCode`. */
  readonly errorCodes: readonly string[]
  /** The error codes that an answer with this status may have. */
  readonly codesOf: (status: number) => readonly string[]
}

const Json = z.record(z.string(), z.unknown())
const Content = z.record(z.string(), z.object({ schema: Json.optional() })).default({})
const Parameter = z.object({ name: z.string(), in: z.enum(['path', 'query', 'header']) })
const Answer = z.object({
  description: z.string().min(1),
  headers: z.record(z.string(), z.object({ required: z.boolean(), schema: Json })).default({}),
  content: Content
})
const MethodItem = z.object({
  operationId: z.string(),
  summary: z.string(),
  parameters: z.array(Parameter).default([]),
  requestBody: z.object({ content: Content }).optional(),
  responses: z.record(z.string().regex(/^\d{3}$/), Answer)
})
const methods = ['get', 'head', 'put', 'post', 'patch', 'delete'] as const
const PathItem = z.strictObject({
  parameters: z.array(Parameter).default([]),
  ...(Object.fromEntries(methods.map(method => [method, MethodItem.optional()])) as Record<
    (typeof methods)[number],
    z.ZodOptional<typeof MethodItem>
  >)
})
const Document = z.object({
  openapi: z.literal('3.1.0'),
  info: z.object({ version: z.string() }),
  paths: z.record(z.string(), PathItem),
  components: z.object({ schemas: z.record(z.string(), Json) })
})

/** Reads docs/openapi.yaml. Its schemas are read strictly: a field that they do not name does not pass. */
export async function readDescription(): Promise<Description> {
  const text = await readFile(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8')
  const root: unknown = parse(text)
  const { info, paths, components } = Document.parse(resolved(root, root))
  const definitions = closed(components.schemas) as Record<string, unknown>
  const toZod = (schema: Record<string, unknown>): z.ZodType =>
    z.fromJSONSchema({ ...(closed(schema) as object), $defs: definitions } as Parameters<
      typeof z.fromJSONSchema
    >[0])
  const bodiesOf = (content: z.infer<typeof Content>): ReadonlyMap<string, z.ZodType | null> =>
    new Map(
      Object.entries(content).map(([type, { schema }]) => [type, schema === undefined ? null : toZod(schema)])
    )

  const operations: Operation[] = []
  const codes = new Map<number, Set<string>>()
  for (const [path, item] of Object.entries(paths)) {
    for (const method of methods) {
      const described = item[method]
      if (described === undefined) continue
      const named = (place: 'path' | 'query' | 'header'): string[] =>
        [...item.parameters, ...described.parameters].filter(each => each.in === place).map(each => each.name)
      const answers = new Map<number, DescribedAnswer>()
      for (const [status, { headers, content }] of Object.entries(described.responses)) {
        answers.set(Number(status), {
          headers: new Map(
            Object.entries(headers).map(([name, header]) => [
              name.toLowerCase(),
              { required: header.required, schema: toZod(header.schema) }
            ])
          ),
          bodies: bodiesOf(content)
        })
        const known = codes.get(Number(status)) ?? new Set()
        for (const code of codesIn(content['application/json']?.schema)) known.add(code)
        codes.set(Number(status), known)
      }
      operations.push({
        id: described.operationId,
        method: method.toUpperCase(),
        path,
        parameters: { path: named('path'), query: named('query'), header: named('header') },
        bodies: bodiesOf(described.requestBody?.content ?? {}),
        answers
      })
    }
  }
  return {
    version: info.version,
    operations,
    errorCodes: z.object({ enum: z.array(z.string()) }).parse(components.schemas['ErrorCode']).enum,
    codesOf: status => [...(codes.get(status) ?? [])]
  }
}

/** The document with each reference replaced by what it names; those to schemas stay, in the form that zod knows. */
function resolved(node: unknown, root: unknown): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => resolved(item, root))
  if (typeof node !== 'object' || node === null) return node
  if ('$ref' in node && typeof node.$ref === 'string') {
    if (node.$ref.startsWith('#/components/schemas/')) {
      return { $ref: node.$ref.replace('#/components/schemas/', '#/$defs/') }
    }
    let target: unknown = root
    for (const step of node.$ref.split('/').slice(1)) target = Json.parse(target)[step]
    return resolved(target, root)
  }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolved(value, root)]))
}

/** The schema with every object closed; not below `allOf`, where each part describes only some of the fields. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map((item: unknown) => closed(item))
  if (typeof node !== 'object' || node === null) return node
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(Json.parse(node)))
    copy[key] = key === 'allOf' ? value : closed(value)
  return copy['type'] === 'object' ? { additionalProperties: false, ...copy } : copy
}

/** The codes to which an error's schema narrows `code`. */
function codesIn(schema: unknown): string[] {
  const narrowed = z.object({
    allOf: z.tuple([
      Json,
      z.object({ properties: z.object({ code: z.object({ enum: z.array(z.string()) }) }) })
    ])
  })
  const parsed = narrowed.safeParse(schema)
  return parsed.success ? parsed.data.allOf[1].properties.code.enum : []
}
