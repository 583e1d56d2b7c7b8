import { afterAll, beforeAll, expect } from 'vitest'
import { noteCost, processorSeconds } from './costs.ts'

/* A part of every test file: notes what it took. */
let begun = { cpuSeconds: 0, ms: 0 }

beforeAll(() => {
  begun = { cpuSeconds: processorSeconds(), ms: Date.now() }
})
afterAll(() => noteCost(expect.getState().testPath ?? '', begun))
