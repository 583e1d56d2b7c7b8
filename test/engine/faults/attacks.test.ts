import { attackCases } from './cases-attacks.ts'
import { playTable } from './table.ts'

playTable('Attacks, and faults of the privileged half', {}, attackCases)
