import { engineCases } from './cases-engine.ts'
import { slowCases } from './cases-failures.ts'
import { pluginCases } from './cases-plugin.ts'
import { playTable } from './table.ts'

playTable('Faults in an Engine without live-restore', {}, [...pluginCases, ...slowCases, ...engineCases])
