import { AuditDocument, AuditLine } from './audit.ts'
import { jsonType, linesType } from './media-types.ts'
import { none, type Operation } from './operation.ts'
import {
  Action,
  CallerToFind,
  ContainerToFind,
  Moment,
  NamesOfBoxes,
  WholeNumber,
  Words,
  YesNo
} from './parameters.ts'

/** What can be asked of the audit. */
export const auditOperations = {
  readAudit: {
    ...none,
    method: 'GET',
    path: '/audit',
    query: {
      limit: WholeNumber,
      box: NamesOfBoxes,
      action: Action,
      caller: CallerToFind,
      container: ContainerToFind,
      denied: YesNo,
      since: Moment,
      until: Moment,
      follow: YesNo
    },
    headers: { Accept: Words },
    answers: { 200: { [jsonType]: AuditDocument, [linesType]: AuditLine } },
    refusals: [400]
  }
} as const satisfies Readonly<Record<string, Operation>>
