import { newBytes } from '../../base/secret.ts'

/** The bytes of all pieces, one after the other; whoever gets them zeroes them. */
export function inOne(pieces: readonly Uint8Array[]): Buffer {
  const whole = newBytes(pieces.reduce((sum, { length }) => sum + length, 0))
  let filled = 0
  for (const piece of pieces) {
    whole.set(piece, filled)
    filled += piece.length
  }
  return whole
}

/** `{"name":{member,member}}` as bytes that the caller zeroes, as it does the members. */
export function objectOfMembers(name: string, members: readonly Buffer[]): Buffer {
  const commas = members.flatMap((member, index) => (index === 0 ? [member] : [Buffer.from(','), member]))
  return inOne([Buffer.from(`{${JSON.stringify(name)}:{`), ...commas, Buffer.from('}}')])
}
