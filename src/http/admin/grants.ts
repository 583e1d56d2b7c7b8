import type { Request } from 'express'
import type { AnswerOf } from '../../api/operation.ts'
import { GrantWish, RevokeWish, revokeRule, wishRule } from '../../api/grants.ts'
import { operations } from '../../api/operations.ts'
import { parseBoxPattern } from '../../vault/access/box-pattern.ts'
import type { Caller } from '../../vault/access/authority.ts'
import type { Grant } from '../../vault/access/grants.ts'
import { parseSubject, printSubject } from '../../vault/access/subjects.ts'
import type { Granting } from '../../vault/granting.ts'
import { bodyIn, queryOf } from '../transport/request.ts'

/** `/grants`, `/revoke`, `/can`: what each answers. */
export function grantAnswers(granting: Granting) {
  return {
    async list(caller: Caller, request: Request): Promise<AnswerOf<typeof operations.listGrants>> {
      const { box = null } = queryOf(operations.listGrants, request)
      const { grants, damaged } = await granting.list(caller, box)
      return { grants: grants.map(shown), ...(damaged.length === 0 ? {} : { damaged }) }
    },

    async grant(caller: Caller, request: Request): Promise<AnswerOf<typeof operations.grant>> {
      queryOf(operations.grant, request)
      const {
        subject,
        boxes,
        note = '',
        expires = null,
        rights
      } = bodyIn(GrantWish, request, 'grant', wishRule)
      const wish = { rights, note, subject: parseSubject(subject), boxes: parseBoxPattern(boxes) }
      return shown(
        await granting.grant(caller, { ...wish, expires: expires && new Date(expires).toISOString() })
      )
    },

    async revoke(caller: Caller, request: Request): Promise<AnswerOf<typeof operations.revoke>> {
      queryOf(operations.revoke, request)
      const { subject, boxes, rights = null } = bodyIn(RevokeWish, request, 'request', revokeRule)
      const left = await granting.revoke(caller, parseBoxPattern(boxes), parseSubject(subject), rights)
      return { grants: left.map(shown) }
    },

    async discard(caller: Caller, request: Request): Promise<AnswerOf<typeof operations.discardGrant>> {
      const { record } = queryOf(operations.discardGrant, request)
      await granting.discard(caller, record)
      return { record }
    },

    async can(caller: Caller, request: Request): Promise<AnswerOf<typeof operations.can>> {
      const { subject, groups, right, box } = queryOf(operations.can, request)
      const answer = await granting.can(caller, parseSubject(subject), groups, right, box)
      return typeof answer === 'string' || answer === null
        ? { can: answer !== null, because: answer, grant: null }
        : { can: true, because: 'grant', grant: shown(answer) }
    }
  }
}

function shown({
  id,
  subject,
  rights,
  boxes,
  note,
  by,
  at,
  expires
}: Grant): AnswerOf<typeof operations.grant> {
  return { id, subject: printSubject(subject), rights, boxes: boxes.text, note, by, at, expires }
}
