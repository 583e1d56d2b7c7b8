import { KeyslotList, KeyslotRemoved, Opens, Rotated, RotatedBox, Sealed } from './keyslots.ts'
import { fileType, jsonType } from './media-types.ts'
import { none } from './operation.ts'
import { BoxToAsk, NameOfAnySlot, NameOfSlot, RecipientOfSlot, SlotKindToUse } from './parameters.ts'

const slotAndKind = { name: NameOfSlot, kind: SlotKindToUse } as const
const newSlot = { ...slotAndKind, recipient: RecipientOfSlot } as const

/** What can be asked about the ways to the key of the vault. */
export const keyslotOperations = {
  listKeyslots: {
    ...none,
    method: 'GET',
    path: '/keyslots',
    answers: { 200: { [jsonType]: KeyslotList } }
  },
  addKeyslot: {
    ...none,
    method: 'POST',
    path: '/keyslots',
    query: newSlot,
    bodies: { [fileType]: null },
    answers: { 201: { [fileType]: null } },
    refusals: [400, 409, 413]
  },
  replaceKeyslot: {
    ...none,
    method: 'PUT',
    path: '/keyslots',
    query: newSlot,
    bodies: { [fileType]: null },
    answers: { 200: { [fileType]: null } },
    refusals: [400, 404, 413]
  },
  removeKeyslot: {
    ...none,
    method: 'DELETE',
    path: '/keyslots',
    query: { name: NameOfSlot },
    answers: { 200: { [jsonType]: KeyslotRemoved } },
    refusals: [400, 404, 409]
  },
  testKeyslot: {
    ...none,
    method: 'POST',
    path: '/keyslots/test',
    query: slotAndKind,
    bodies: { [fileType]: null },
    answers: { 200: { [jsonType]: Opens } },
    refusals: [400, 404, 413]
  },
  rotateRoot: {
    ...none,
    method: 'POST',
    path: '/rotate/root',
    answers: { 200: { [jsonType]: Rotated } },
    refusals: [409]
  },
  rotateBox: {
    ...none,
    method: 'POST',
    path: '/rotate/box',
    query: { box: BoxToAsk },
    answers: { 200: { [jsonType]: RotatedBox } },
    refusals: [400, 404]
  },
  seal: { ...none, method: 'POST', path: '/seal', answers: { 200: { [jsonType]: Sealed } } },
  unseal: {
    ...none,
    method: 'POST',
    path: '/unseal',
    query: { name: NameOfAnySlot, kind: SlotKindToUse },
    bodies: { [fileType]: null },
    answers: { 200: { [jsonType]: Sealed } },
    refusals: [400, 404, 409, 413]
  }
} as const
