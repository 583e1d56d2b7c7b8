/** Bytes to send. Each chunk belongs to the sender, which overwrites it with zeros once it is sent. */
export type Body = AsyncIterable<Buffer> | Iterable<Buffer>
