import { expect, test } from 'vitest'
import { ownerInFiles, ownerInNumbers } from '../../src/cli/inject/container-user.ts'

const passwd =
  'root:x:0:0:root:/root:/bin/sh\nbad line\napp:x:1000:1001::/:/bin/sh\n7:x:70:71::/:\nodd:x:none:1::/:\n'
const group = 'root:x:0:\nstaff:x:50:app\n'

test.each([
  ['', 0, 0],
  ['root', 0, 0],
  ['0', 0, 0],
  ['1000', 1000, 0],
  ['1000:50', 1000, 50],
  [':50', 0, 50],
  ['4294967294', 4294967294, 0]
])('%j is told by its numbers', (user, uid, gid) => {
  expect(ownerInNumbers(user)).toEqual({ uid, gid })
})

test.each(['app', 'app:50', '1000:staff', '4294967295', '-1', '1e3'])(
  '%j takes the files of the image',
  user => {
    expect(ownerInNumbers(user)).toBeNull()
  }
)

test.each([
  ['app', { uid: 1000, gid: 1001 }],
  ['app:staff', { uid: 1000, gid: 50 }],
  ['app:5', { uid: 1000, gid: 5 }],
  ['1000:staff', { uid: 1000, gid: 50 }],
  ['5:staff', { uid: 5, gid: 50 }],
  // A name may be a number: the first line that has either counts.
  ['7:staff', { uid: 70, gid: 50 }],
  [':staff', { uid: 0, gid: 50 }],
  ['nobody', null],
  ['app:nogroup', null],
  ['odd', null],
  ['4294967295', null]
])('%j is found as the Engine finds it', (user, owner) => {
  expect(ownerInFiles(user, passwd, group)).toEqual(owner)
})
