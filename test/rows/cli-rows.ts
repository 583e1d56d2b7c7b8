import type { Row } from './transcript.ts'

/** What holds of boxes (section A) and of `docker vault …` (section B), without an Engine. */
export const cliRows: readonly Row[] = [
  {
    row: 4,
    rule: 'a box is a named set of files, whole directory trees',
    transcript: String.raw`
      $ mkdir -p tree/empty tree/deep && echo x >tree/deep/file && ln -s deep/file tree/link
      $ docker-vault create db
      db
      $ docker-vault add -r db tree
      $ docker-vault list db
      db:tree/
      db:tree/deep/
      db:tree/deep/file
      db:tree/empty/
      db:tree/link
    `
  },
  {
    row: 5,
    rule: 'a name has any characters but "/" and ":"',
    transcript: String.raw`
      $ docker-vault create '%2e .. ✓ *?"\'
      %2e .. ✓ *?"\
      $ docker-vault create a/b a:b ''
      ! error: bad box name "a/b": it contains "/"
      ! hint: a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters
      ! error: bad box name "a:b": it contains ":"
      ! hint: a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters
      ! error: bad box name "": it is empty
      ! hint: a name is 1 to 255 bytes of UTF-8 without "/", ":" or control characters
      [1]
      $ docker-vault list --boxes
      %2e .. ✓ *?"\
    `
  },
  {
    row: 14,
    rule: 'what lies on the disk is encrypted, names and contents',
    transcript: String.raw`
      $ docker-vault create hush-hush-box
      hush-hush-box
      $ printf hush-hush-contents | docker-vault put hush-hush-box hush-hush-path
      $ ls $DATA
      store.db
      store.db-wal
      $ grep -rlaF hush-hush $DATA
      [1]
    `
  },
  {
    row: 16,
    rule: 'there are create, destroy, add, remove, list and read',
    transcript: String.raw`
      $ printf hunter2 >password
      $ docker-vault create db
      db
      $ docker-vault add db password
      $ docker-vault list db
      db:password
      $ docker-vault read db:password
      hunter2
      $ docker-vault remove db password
      $ docker-vault list db
      $ docker-vault destroy db
      db
      $ docker-vault list
    `
  },
  {
    row: 17,
    rule: 'ls, rm and cat are list, remove and read',
    transcript: String.raw`
      $ docker-vault create db && printf hunter2 | docker-vault put db password
      db
      $ docker-vault ls db
      db:password
      $ docker-vault cat db:password
      hunter2
      $ docker-vault rm db password
      $ docker-vault ls
    `
  },
  {
    row: 18,
    rule: 'create makes empty boxes; one that exists is an error and stays as it is, the others are made',
    transcript: String.raw`
      $ docker-vault create one && printf kept | docker-vault put one file
      one
      $ docker-vault create zero one two
      zero
      two
      ! error: box "one" exists already
      [1]
      $ docker-vault list --boxes
      one
      two
      zero
      $ docker-vault list
      one:file
    `
  },
  {
    row: 19,
    rule: 'destroy takes boxes away; a missing one is an error unless -f',
    transcript: String.raw`
      $ docker-vault create one two three
      one
      two
      three
      $ docker-vault destroy one missing two
      one
      two
      ! error: no such box "missing"
      ! hint: docker vault list --boxes shows those that there are
      [1]
      $ docker-vault destroy -f missing three
      three
      $ docker-vault list --boxes
    `
  },
  {
    row: 20,
    rule: 'add keeps the names of files, and makes one version of them all',
    transcript: String.raw`
      $ touch plain ' two  words ' 'ключ 鍵' ./-dash 'new
      > line'
      $ docker-vault create db && docker-vault add db plain ' two  words ' 'ключ 鍵' ./-dash 'new
      > line'
      db
      $ docker-vault list -f '{{json .Path}}' db
      " two  words "
      "-dash"
      "new\nline"
      "plain"
      "ключ 鍵"
      $ docker-vault inspect -f '{{.Version}}' db
      2
    `
  },
  {
    row: 21,
    rule: 'add to a missing box is an error, and nothing is done',
    transcript: String.raw`
      $ touch file
      $ docker-vault add db file
      ! error: no such box "db"
      ! hint: create it with: docker vault create db
      [1]
      $ docker-vault list --boxes
    `
  },
  {
    row: 22,
    rule: 'add: a path that is missing is an error, and the others are added',
    transcript: String.raw`
      $ touch a z
      $ docker-vault create db && docker-vault add db a missing z
      db
      ! error: cannot add "missing": no such file or directory
      [1]
      $ docker-vault list db
      db:a
      db:z
    `
  },
  {
    row: 23,
    rule: 'add: a symlink is stored as it is, wherever it leads',
    transcript: String.raw`
      $ ln -s '../../some where/else' link
      $ docker-vault create db && docker-vault add db link
      db
      ! warning: "link" is a symlink to "../../some where/else", which leads out of the box
      ! hint: -L stores what symlinks lead to in their place
      $ docker-vault list -f '{{.Path}} -> {{.Target}}' db
      link -> ../../some where/else
    `
  },
  {
    row: 24,
    rule: 'a symlink on the way is followed with the box as root; a loop is an error',
    transcript: String.raw`
      $ mkdir in real && printf inside >real/file && ln -s ../../../../real in/link && ln -s loop loop
      $ docker-vault create db && docker-vault add -r db in real loop
      db
      ! warning: "in/link" is a symlink to "../../../../real", which leads out of the box
      ! warning: "loop" is a symlink to "loop", which leads nowhere in the box
      ! hint: -L stores what symlinks lead to in their place
      $ docker-vault read db:in/link/file
      inside
      $ printf more | docker-vault put db /in/link/other
      $ docker-vault remove db in/link/file
      $ docker-vault list db
      db:in/
      db:in/link
      db:loop
      db:real/
      db:real/other
      $ docker-vault read db:loop/file
      ! error: cannot resolve path "loop/file": more than 40 symlinks
      [1]
    `
  },
  {
    row: 25,
    rule: 'the directories of a path are kept',
    transcript: String.raw`
      $ mkdir -p a/b && echo x >a/b/c
      $ docker-vault create db && docker-vault add db a/b/c
      db
      $ docker-vault list db
      db:a/
      db:a/b/
      db:a/b/c
    `
  },
  {
    row: 26,
    rule: '../a/b/c, /a/b/c and a/b/c are the same',
    transcript: String.raw`
      $ mkdir -p a/b sub && printf one >a/b/c
      $ docker-vault create db && cd sub && docker-vault add db ../a/b/c
      db
      $ docker-vault read db:a/b/c db:/a/b/c db:../a/b/c
      oneoneone
      $ docker-vault remove -r db ../a
      $ docker-vault list db
      $ docker-vault add db "$PWD/a/b/c" && docker-vault list db | tail -n 1 | sed "s:$PWD::"
      db:…/a/b/c
    `
  },
  {
    row: 27,
    rule: 'add: a directory without -r is an error, and the others are added',
    transcript: String.raw`
      $ mkdir dir && touch file
      $ docker-vault create db && docker-vault add db dir file
      db
      ! error: cannot add "dir": it is a directory
      ! hint: -r (recursive) takes it with everything in it
      [1]
      $ docker-vault list db
      db:file
    `
  },
  {
    row: 28,
    rule: 'add -r adds all that is in a directory, with modes, symlinks and empty directories',
    transcript: String.raw`
      $ mkdir -p dir/empty dir/sub && touch dir/sub/file && chmod 0640 dir/sub/file && chmod 0711 dir/sub
      $ ln -s sub dir/link
      $ docker-vault create db && docker-vault add -r db dir
      db
      $ docker-vault list --format table db
      BOX   PATH           TYPE        MODE   SIZE   TARGET
      db    dir            directory   0755
      db    dir/empty      directory   0755
      db    dir/link       symlink                   sub
      db    dir/sub        directory   0711
      db    dir/sub/file   file        0640   0B
      $ cd dir && docker-vault create all && docker-vault add --recursive all . && docker-vault list all
      all
      all:empty/
      all:link
      all:sub/
      all:sub/file
    `
  },
  {
    row: 29,
    rule: 'add -r merges into a directory that is there; files of the same name are replaced',
    transcript: String.raw`
      $ mkdir dir && printf new >dir/both && printf new >dir/new
      $ docker-vault create db
      db
      $ printf old | docker-vault put db dir/old && printf old | docker-vault put db dir/both
      $ docker-vault add -r db dir
      $ docker-vault read db:dir/old db:dir/both db:dir/new
      oldnewnew
    `
  },
  {
    row: 30,
    rule: 'remove: a path that is missing is an error, and the others are removed',
    transcript: String.raw`
      $ touch a b z
      $ docker-vault create db && docker-vault add db a b z
      db
      $ docker-vault remove db a missing z
      ! error: cannot remove "missing": no such file in the box
      [1]
      $ docker-vault list db
      db:b
    `
  },
  {
    row: 31,
    rule: 'remove: a directory is an error, and the others are removed, unless -r',
    transcript: String.raw`
      $ mkdir -p dir/sub && touch dir/sub/file file
      $ docker-vault create db && docker-vault add -r db dir file
      db
      $ docker-vault remove db dir file
      ! error: cannot remove "dir": it is a directory
      ! hint: -r (recursive) takes it with everything in it
      [1]
      $ docker-vault remove -r db dir
      $ docker-vault list db
    `
  },
  {
    row: 32,
    rule: 'list shows files and directories, of all boxes if none is named',
    transcript: String.raw`
      $ mkdir dir && touch dir/file
      $ docker-vault create one two && docker-vault add -r one dir && docker-vault add two dir/file
      one
      two
      $ docker-vault list one
      one:dir/
      one:dir/file
      $ docker-vault list
      one:dir/
      one:dir/file
      two:dir/
      two:dir/file
    `
  },
  {
    row: 33,
    rule: 'list: a missing box is an error, and the others are listed',
    transcript: String.raw`
      $ docker-vault create db && docker-vault put --generate db password
      db
      $ docker-vault list missing db
      db:password
      ! error: no such box "missing"
      ! hint: docker vault list --boxes shows those that there are
      [1]
    `
  },
  {
    row: 34,
    rule: 'list -b shows names alone',
    transcript: String.raw`
      $ docker-vault create one two && docker-vault put --generate one password
      one
      two
      $ docker-vault list -b
      one
      two
      $ docker-vault list --boxes two
      two
    `
  },
  {
    row: 35,
    rule: 'list -f takes templates, tables and json, as docker does',
    transcript: String.raw`
      $ docker-vault create db && printf 12345 | docker-vault put db password
      db
      $ docker-vault list -f '{{.Box}} holds {{.Path}}, {{.Size}} bytes' db
      db holds password, 5 bytes
      $ docker-vault list --format='table {{.Path}}\t{{.Mode}}' db
      PATH       MODE
      password   0600
      $ docker-vault list -f json db
      {"Box":"db","Version":2,"Path":"password","Type":"file","Mode":"0600","Size":5}
      $ docker-vault list -f '{{.Colour}}' db
      ! error: bad format: there is no field ".Colour"
      ! hint: known fields: .Box .Version .Path .Type .Mode .Size .Target; functions: json join split lower upper title pad truncate len index eq ne lt le gt ge and or not
      [2]
    `
  },
  {
    row: 36,
    rule: 'list -r shows only paths that match a regular expression',
    transcript: String.raw`
      $ mkdir certs && touch certs/ca.pem certs/key.pem certs/notes
      $ docker-vault create web && docker-vault add -r web certs
      web
      $ docker-vault list -r '^certs/.*\.pem$' web
      web:certs/ca.pem
      web:certs/key.pem
      $ docker-vault list --pattern=notes
      web:certs/notes
      $ docker-vault list -r '[' web
      ! error: bad pattern "[": …
      [2]
    `
  },
  {
    row: 37,
    rule: 'read without a file means the only file of the box; else it is an error that lists them',
    transcript: String.raw`
      $ docker-vault create db && printf only | docker-vault put db deep/one
      db
      $ docker-vault read db
      only
      $ printf other | docker-vault put db two
      $ docker-vault read db
      ! error: cannot read "db" as a whole: it holds "deep/one", "two"
      ! hint: name a file, as in "db:deep/one", or read -r to read them all
      [1]
    `
  },
  {
    row: 38,
    rule: 'read writes contents and nothing else, byte for byte',
    transcript: String.raw`
      $ head -c 300000 /dev/urandom >bytes
      $ docker-vault create db && docker-vault add db bytes
      db
      $ docker-vault read db:bytes db:bytes >read && cat bytes bytes | cmp - read
    `
  },
  {
    row: 39,
    rule: 'read: what is missing is an error, and the others are read',
    transcript: String.raw`
      $ docker-vault create db && printf contents | docker-vault put db file
      db
      $ docker-vault read db:missing missing:file db:file
      contents
      ! error: cannot read "missing": no such file in the box
      ! error: no such box "missing"
      ! hint: docker vault list --boxes shows those that there are
      [1]
    `
  },
  {
    row: 40,
    rule: 'read: a directory is an error, and the others are read, unless -r',
    transcript: String.raw`
      $ mkdir -p dir/sub && printf A >dir/a && printf B >dir/sub/b && printf C >c
      $ docker-vault create db && docker-vault add -r db dir c
      db
      $ docker-vault read db:dir db:c
      C
      ! error: cannot read "dir": it is a directory
      ! hint: -r (recursive) takes it with everything in it
      [1]
      $ docker-vault read -r db:dir db:c
      ABC
    `
  },
  {
    row: 41,
    rule: 'remove-file and destroy-box say more clearly what goes',
    transcript: String.raw`
      $ docker-vault create db && printf x | docker-vault put db password
      db
      $ docker-vault remove-file db password
      $ docker-vault list db
      $ docker-vault destroy-box db
      db
      $ docker-vault list --boxes
    `
  }
]
