import { joined } from '../../base/bytes.ts'

/** `{"name":{member,member}}` as bytes that the caller zeroes, as it does the members. */
export function objectOfMembers(name: string, members: readonly Buffer[]): Buffer {
  const commas = members.flatMap((member, index) => (index === 0 ? [member] : [Buffer.from(','), member]))
  return joined([Buffer.from(`{${JSON.stringify(name)}:{`), ...commas, Buffer.from('}}')])
}
