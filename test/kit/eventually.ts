/** Only ends the waiting for what never comes: a machine may be as busy as it likes. */
const longMs = 240_000
/** Between two questions: more and more, for asking takes processor time from what is waited for. */
const pausesMs = { first: 10, most: 200, growth: 1.3 }

/**
 * Asks until the answer is not null, and gives it; null when `deadlineMs` has passed. For what tells nobody when
 * it happens: the kernel's mount tables, a process that ends.
 */
export async function eventually<T>(
  question: () => Promise<T | null>,
  deadlineMs = longMs
): Promise<T | null> {
  const deadline = Date.now() + deadlineMs
  for (let pauseMs = pausesMs.first; ; pauseMs = Math.min(pauseMs * pausesMs.growth, pausesMs.most)) {
    const answer = await question()
    if (answer !== null || Date.now() > deadline) return answer
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}

/** Resolves when it holds; rejects when it never does. */
export async function comesTo(holds: () => boolean): Promise<void> {
  if ((await eventually(() => Promise.resolve(holds() || null))) === null)
    throw new Error('it did not come to that')
}
