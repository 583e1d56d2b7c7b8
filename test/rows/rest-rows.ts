import type { Row } from './transcript.ts'

/** What holds of the admin API (section E): what one client does, plain curl or ours, the other sees. */
export const restRows: readonly Row[] = [
  {
    row: 59,
    rule: 'PUT /vault/<box>/ makes an empty box, once',
    transcript: String.raw`
      $ curl -s --unix-socket $SOCKET -X PUT http://vault/vault/two%20words/ -w ' %{http_code}'
      {"name":"two words","version":1} 201
      $ curl -s --unix-socket $SOCKET -X PUT http://vault/vault/two%20words/ -w ' %{http_code}'
      {"code":"exists","message":"box \"two words\" exists already"} 409
      $ docker-vault create 'two words'
      ! error: box "two words" exists already
      [1]
      $ docker-vault list --boxes
      two words
    `
  },
  {
    row: 60,
    rule: 'DELETE /vault/<box>/ destroys a box, in the version that is expected',
    transcript: String.raw`
      $ docker-vault create db && docker-vault put --generate db password
      db
      $ curl -s --unix-socket $SOCKET -X DELETE http://vault/vault/db/ -H 'If-Match: "1"' -w ' %{http_code}'
      {"code":"precondition","message":"box \"db\" is at version 2, not at 1","hint":"read it again, then repeat the change"} 412
      $ curl -s --unix-socket $SOCKET -X DELETE http://vault/vault/db/ -H 'If-Match: "2"' -w ' %{http_code}'
      {"name":"db"} 200
      $ curl -s --unix-socket $SOCKET -X DELETE http://vault/vault/db/ -w ' %{http_code}'
      {"code":"not_found","message":"no such box \"db\"","hint":"docker vault list --boxes shows those that there are"} 404
      $ docker-vault list --boxes
    `
  },
  {
    row: 61,
    rule: 'PUT /vault/<box>/<path> stores raw bytes, a symlink or a directory, on conditions',
    transcript: String.raw`
      $ head -c 100000 /dev/urandom >bytes
      $ docker-vault create db
      db
      $ curl -s --unix-socket $SOCKET -T bytes 'http://vault/vault/db/a%20b/c?mode=0640' -H 'If-Match: "1"'
      {"version":2,"applied":1,"errors":[]}
      $ curl -s --unix-socket $SOCKET -X PUT 'http://vault/vault/db/link?type=symlink' -d '../a b/c'
      {"version":3,"applied":1,"errors":[]}
      $ curl -s --unix-socket $SOCKET -X PUT 'http://vault/vault/db/empty?type=directory'
      {"version":4,"applied":1,"errors":[]}
      $ docker-vault read db:link | cmp - bytes
      $ docker-vault list -f '{{.Path}}|{{.Type}}|{{.Mode}}|{{.Target}}' db
      a b|directory|0755|
      a b/c|file|0640|
      empty|directory|0755|
      link|symlink||../a b/c
      $ curl -s --unix-socket $SOCKET -T bytes http://vault/vault/db/x -H 'If-Match: "2"' -w ' %{http_code}'
      {"code":"precondition","message":"box \"db\" is at version 4, not at 2",…} 412
      $ curl -s --unix-socket $SOCKET -T bytes http://vault/vault/db/link -H 'If-None-Match: *' -w ' %{http_code}'
      {"code":"exists",…} 409
    `
  },
  {
    row: 62,
    rule: 'DELETE /vault/<box>/<path> removes a file, and a directory when told so',
    transcript: String.raw`
      $ mkdir dir && touch dir/file file
      $ docker-vault create db && docker-vault add -r db dir file
      db
      $ curl -s --unix-socket $SOCKET -X DELETE http://vault/vault/db/file
      {"version":3,"applied":1,"errors":[]}
      $ curl -s --unix-socket $SOCKET -X DELETE http://vault/vault/db/dir -w ' %{http_code}'
      {"code":"invalid","message":"cannot remove \"dir\": it is a directory",…} 400
      $ curl -s --unix-socket $SOCKET -X DELETE 'http://vault/vault/db/dir?recursive=1'
      {"version":4,"applied":1,"errors":[]}
      $ docker-vault list db
    `
  },
  {
    row: 63,
    rule: 'GET /vault/ lists all boxes',
    transcript: String.raw`
      $ curl -s --unix-socket $SOCKET http://vault/vault/
      {"boxes":[]}
      $ docker-vault create web db && printf 12345 | docker-vault put db a/b
      web
      db
      $ curl -s --unix-socket $SOCKET http://vault/vault/
      {"boxes":[{"name":"db","version":2,"files":2,"bytes":5,…},{"name":"web","version":1,"files":0,"bytes":0,…}]}
    `
  },
  {
    row: 64,
    rule: 'GET /vault/<box>/ tells what a version of a box holds, and its ETag',
    transcript: String.raw`
      $ docker-vault create db && printf 12345 | docker-vault put db password
      db
      $ curl -s --unix-socket $SOCKET http://vault/vault/db/
      {"name":"db",…"version":2,…"files":[{"path":"password","type":"file","mode":"0600","size":5}]}
      $ curl -s --unix-socket $SOCKET 'http://vault/vault/db/?version=1'
      {"name":"db",…"version":1,…"files":[]}
      $ curl -s --unix-socket $SOCKET --head http://vault/vault/db/ | tr -d '\r' | grep -iE '^(http|etag)'
      HTTP/1.1 200 OK
      ETag: "2"
      $ curl -s --unix-socket $SOCKET http://vault/vault/missing/ -w ' %{http_code}'
      {"code":"not_found","message":"no such box \"missing\"",…} 404
    `
  },
  {
    row: 65,
    rule: 'GET /vault/<box>/<path> gives the bytes of a file, of any version',
    transcript: String.raw`
      $ head -c 300000 /dev/urandom >bytes && mkdir in && ln -s ../../bytes in/link
      $ docker-vault create db && docker-vault add -r db bytes in && docker-vault rm db bytes
      db
      ! warning: "in/link" is a symlink to "../../bytes", which leads out of the box
      ! hint: -L stores what symlinks lead to in their place
      $ curl -s --unix-socket $SOCKET 'http://vault/vault/db/in/link?version=2' | cmp - bytes
      $ curl -s --unix-socket $SOCKET --head 'http://vault/vault/db/bytes?version=2' | tr -d '\r' | grep -iE 'etag|length'
      ETag: "2"
      Content-Length: 300000
      $ curl -s --unix-socket $SOCKET http://vault/vault/db/in/link -w ' %{http_code}'
      {"code":"not_found","message":"cannot read \"in/link\": it is a symlink to \"../../bytes\", which is not in the box"} 404
      $ curl -s --unix-socket $SOCKET http://vault/vault/db/in -w ' %{http_code}'
      {"code":"invalid","message":"cannot read \"in\": it is a directory",…} 400
    `
  },
  {
    row: 67,
    rule: 'a tree goes in and out as tar',
    transcript: String.raw`
      $ mkdir -p in/tree/empty out && printf x >in/tree/file && chmod 0440 in/tree/file && ln -s file in/tree/link
      $ docker-vault create db
      db
      $ tar -c -C in . | curl -s --unix-socket $SOCKET -T - http://vault/vault/db/ -H 'Content-Type: application/x-tar'
      {"version":2,"applied":4,"errors":[]}
      $ curl -s --unix-socket $SOCKET http://vault/vault/db/ -H 'Accept: application/x-tar' | tar -x -C out
      $ cd out && find tree -printf '%p %M %l\n' | sort
      tree drwxr-xr-x 
      tree/empty drwxr-xr-x 
      tree/file -r--r----- 
      tree/link lrwxrwxrwx file
      $ curl -s --unix-socket $SOCKET http://vault/vault/db/tree -H 'Accept: application/x-tar' | tar -t | sort
      empty/
      file
      link
      $ docker-vault cp db:tree - | tar -t | sort
      tree/
      tree/empty/
      tree/file
      tree/link
    `
  }
]
