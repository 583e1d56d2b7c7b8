import { liveRestoreCases } from './cases-engine.ts'
import { failureCases } from './cases-failures.ts'
import { operatorCases } from './cases-operator.ts'
import { playTable } from './table.ts'

playTable('Faults in an Engine with live-restore', { liveRestore: true }, [
  ...failureCases,
  ...operatorCases,
  ...liveRestoreCases
])
