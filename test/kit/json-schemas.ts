import { z } from 'zod'

/** A JSON Schema, or a part of one. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What a schema of src/api reads, as JSON Schema in normal form. */
export function jsonSchemaOf(schema: z.core.$ZodType): unknown {
  return normal(z.toJSONSchema(schema, { io: 'input' }))
}

/**
 * A schema as it is compared: without words for people, with one way to write each thing, and sorted where order means
 * nothing. Of a word to which later releases may add, the words that there are.
 */
export function normal(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(normal)
  if (!isObject(schema)) return schema
  const { type, anyOf, oneOf = anyOf, ...rest } = schema
  if (Array.isArray(type)) return normal({ oneOf: type.map(each => ({ ...rest, type: each as unknown })) })
  if (Array.isArray(oneOf)) return alternatives(oneOf.map(normal))
  if (type === 'null') return { type }
  const words = 'const' in rest ? [rest['const']] : rest['enum']
  const entries = Object.entries(rest).flatMap(([key, value]): [string, unknown][] => {
    switch (key) {
      case '$schema':
      case 'description':
      case 'const':
        return []
      case 'propertyNames':
        // Of a record: names are text.
        return []
      case 'enum':
      case 'required':
        return (value as unknown[]).length === 0 ? [] : [[key, [...(value as string[])].sort()]]
      case 'properties':
        return [
          [
            key,
            Object.fromEntries(Object.entries(value as object).map(([name, each]) => [name, normal(each)]))
          ]
        ]
      case 'items':
        return [[key, normal(value)]]
      case 'additionalProperties':
        if (isObject(value) && Object.keys(value).length > 0) return [[key, normal(value)]]
        return value === false ? [[key, value]] : []
      case 'pattern':
        // The pattern of a time is that of its format.
        return 'format' in rest ? [] : [[key, value]]
      case 'minimum':
      case 'maximum':
        return Number.isSafeInteger(Number(value)) && Math.abs(Number(value)) < Number.MAX_SAFE_INTEGER
          ? [[key, value]]
          : []
      default:
        return [[key, value]]
    }
  })
  const plain = Object.fromEntries(entries)
  return Array.isArray(words) ? { ...plain, enum: [...(words as string[])].sort() } : { ...plain, type }
}

function alternatives(each: unknown[]): unknown {
  const [first, second, ...more] = each
  const isOpenWord =
    more.length === 0 && isObject(first) && 'enum' in first && isObject(second) && isAnyText(second)
  return isOpenWord ? first : { oneOf: each }
}

function isAnyText(schema: JsonSchema): boolean {
  return schema['type'] === 'string' && Object.keys(schema).length === 1
}

/** The schema with every object closed: a field that it does not name does not pass. Of normal form. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (!isObject(schema)) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return copy['type'] === 'object' ? { additionalProperties: false, ...copy } : copy
}

/** Whether the value has what the schema names, and nothing else; if not, why. */
export function strictly(schema: z.core.$ZodType, value: unknown): unknown {
  const json = closed(jsonSchemaOf(schema)) as Parameters<typeof z.fromJSONSchema>[0]
  return z.fromJSONSchema(json).safeParse(value).error
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
