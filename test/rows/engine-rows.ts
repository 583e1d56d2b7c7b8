import type { Row } from './transcript.ts'

/** What holds of containers, builds and images, on a real Engine: sections A, C, D and what is kept of F. */
export const engineRows: readonly Row[] = [
  {
    row: 1,
    rule: 'data never ends up in an image: not by commit, export, save or history',
    transcript: String.raw`
      $ docker vault create db && printf $SECRET | docker vault put db password
      db
      $ docker vault run --network none --name one --inject db $IMAGE sh -c 'sha256sum /run/vault/db/password >/digest'
      $ docker start one && docker commit one committed >/dev/null && docker export one | tar -x
      one
      $ mkdir image && docker save committed | tar -x -C image && docker history --no-trunc committed >history
      $ find image -name layer.tar -exec sh -c 'mkdir "$1.files" && tar -x -C "$1.files" -f "$1"' - {} \;
      $ digest=$(printf $SECRET | sha256sum | cut -c-64) && grep -rlF $digest . | sort | sed 's:/[0-9a-f]*/layer:/…/layer:'
      ./digest
      ./image/…/layer.tar
      ./image/…/layer.tar.files/digest
      $ grep -rlaF -f $FORMS . $ENGINE_DATA
      [1]
      $ docker run --network none --rm committed find /run/vault
      /run/vault
      /run/vault/db
    `
  },
  {
    row: 2,
    rule: 'there are keys for building a public image, and keys for running it',
    transcript: String.raw`
      $ docker vault create npm tls && printf 12345 | docker vault put npm token && printf 1234567 | docker vault put tls key
      npm
      tls
      $ printf 'FROM %s\nRUN wc -c </run/vault/npm/token >/built\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --inject npm --tag public . >/dev/null
      $ docker run --network none --rm --mount type=volume,volume-driver=secretbox,volume-opt=box=tls,dst=/tls public wc -c /built /tls/key
              2 /built
              7 /tls/key
              9 total
    `
  },
  {
    row: 3,
    rule: 'a container keeps its data for life, even if the box is destroyed meanwhile',
    transcript: String.raw`
      $ docker vault create db && printf kept | docker vault put db password
      db
      $ docker vault run --network none --detach --name one --inject db $IMAGE sleep 86400 >/dev/null
      $ docker vault destroy --force db && docker exec one cat /run/vault/db/password
      db
      kept
    `
  },
  {
    row: 6,
    rule: 'no operation on a box affects a running container',
    transcript: String.raw`
      $ docker vault create db && printf first | docker vault put db password
      db
      $ docker vault run --network none --detach --name one --stop-signal KILL --inject db $IMAGE sleep 86400 >/dev/null
      $ printf second | docker vault put db password && touch new && docker vault add db new && docker vault rm db password
      $ docker exec one sh -c 'cd /run/vault/db && ls && cat password'
      password
      first
      $ docker restart one && docker exec one ls /run/vault/db
      one
      new
    `
  },
  {
    row: 7,
    rule: 'boxes survive restarts of the daemon',
    transcript: String.raw`
      $ docker vault create db && printf kept | docker vault put db password
      db
      $ docker plugin disable --force secretbox && docker plugin enable secretbox
      secretbox
      secretbox
      $ docker vault read db:password
      kept
    `
  },
  {
    row: 8,
    rule: 'files appear under /run/vault/<box>/',
    transcript: String.raw`
      $ docker vault create 'my box' && printf x | docker vault put 'my box' deep/file
      my box
      $ docker vault run --network none --rm --inject 'my box' $IMAGE find /run/vault
      /run/vault
      /run/vault/my box
      /run/vault/my box/deep
      /run/vault/my box/deep/file
    `
  },
  {
    row: 9,
    rule: "files are owned by 0:0, or by the volume's uid and gid",
    transcript: String.raw`
      $ docker vault create db && printf x | docker vault put db deep/file
      db
      $ docker vault run --network none --rm --inject db $IMAGE stat -c '%u:%g %n' /run/vault/db/deep /run/vault/db/deep/file
      0:0 /run/vault/db/deep
      0:0 /run/vault/db/deep/file
      $ docker volume create -d secretbox -o box=db -o uid=1000 -o gid=2000 owned
      owned
      $ docker run --network none --rm -v owned:/db $IMAGE stat -c '%u:%g %n' /db/deep /db/deep/file
      1000:2000 /db/deep
      1000:2000 /db/deep/file
    `
  },
  {
    row: 10,
    rule: "files have the mode that they had when they were added, or the volume's",
    transcript: String.raw`
      $ touch open run closed && chmod 0644 open && chmod 0750 run && chmod 0400 closed
      $ docker vault create db && docker vault add db open run closed
      db
      $ docker vault run --network none --rm --inject db $IMAGE sh -c "cd /run/vault/db && stat -c '%a %n' *"
      400 closed
      644 open
      750 run
      $ docker volume create -d secretbox -o box=db -o mode=0440 narrow
      narrow
      $ docker run --network none --rm -v narrow:/db $IMAGE sh -c "cd /db && stat -c '%a %n' *"
      440 closed
      440 open
      440 run
    `
  },
  {
    row: 11,
    rule: 'a container cannot change the stored box, not even by remounting',
    transcript: String.raw`
      $ docker vault create db && printf stored | docker vault put db password
      db
      $ docker vault run --network none --rm --inject db $IMAGE sh -c 'cd /run/vault/db && mount -o remount,rw .; echo changed >password'
      ! mount: permission denied (are you root?)
      ! sh: can't create password: Read-only file system
      [1]
      $ docker vault run --network none --rm --cap-add SYS_ADMIN --security-opt apparmor=unconfined --inject db $IMAGE sh -c 'mount -o remount,rw /run/vault/db; cd /run/vault/db && echo changed >password && cat password'
      changed
      $ docker vault read db:password && docker vault run --network none --rm --inject db $IMAGE cat /run/vault/db/password
      storedstored
    `
  },
  {
    row: 12,
    rule: 'a volume may be a private copy that can be written to',
    transcript: String.raw`
      $ docker vault create db && printf stored | docker vault put db password
      db
      $ docker volume create -d secretbox -o box=db -o rw=true writable
      writable
      $ docker run --network none --rm -v writable:/db $IMAGE sh -c 'printf changed >/db/password && cat /db/password'
      changed
      $ docker run --network none --rm -v writable:/db $IMAGE cat /db/password && docker vault read db:password
      storedstored
    `
  },
  {
    row: 15,
    rule: 'naming a box in an image never grants it',
    transcript: String.raw`
      $ docker vault create db && printf $SECRET | docker vault put db password
      db
      $ printf 'FROM %s\nBOX db\n' $IMAGE >Dockerfile && docker vault build --quiet --network none --tag asking . >/dev/null
      $ docker run --network none --rm asking ls /run/vault
      ! ls: /run/vault: No such file or directory
      [1]
      $ docker vault run --network none --rm asking ls -a /run/vault/db
      .
      ..
      ! note: the image asks for box "db", which is not injected: /run/vault/db is empty
    `
  },
  {
    row: 42,
    rule: 'a container is run with a box, under its name or an alias',
    transcript: String.raw`
      $ docker vault create db && printf x | docker vault put db password
      db
      $ docker vault run --network none --rm --inject db --inject=db:alias $IMAGE find /run/vault -type f
      /run/vault/alias/password
      /run/vault/db/password
    `
  },
  {
    row: 43,
    rule: 'a container is created with a box, under its name or an alias',
    transcript: String.raw`
      $ docker vault create db && printf first | docker vault put db password
      db
      $ docker vault create-container --network none --name one --inject db --inject db:alias $IMAGE sh -c 'cat /run/vault/*/password' >/dev/null
      $ printf second | docker vault put db password && docker start --attach one
      secondsecond
    `
  },
  {
    row: 44,
    rule: 'a build has boxes in every RUN, and nothing of them is stored',
    transcript: String.raw`
      $ docker vault create npm && printf $SECRET | docker vault put --mode 0440 npm deep/token
      npm
      $ cat >Dockerfile <<END
      > FROM $IMAGE AS first
      > RUN sha256sum /run/vault/npm/deep/token >/first
      > FROM first
      > RUN stat -c '%a %u:%g' /run/vault/npm/deep/token && sha256sum /run/vault/npm/deep/token >/second
      > END
      $ docker vault build --progress plain --no-cache --network none --inject npm --tag built . >log 2>&1
      $ docker run --network none --rm built find /run /first /second
      /run
      /run/vault
      /first
      /second
      $ mkdir image && docker save built | tar -x -C image && docker history --no-trunc built >history && docker inspect built >inspect
      $ find image -name layer.tar -exec sh -c 'mkdir "$1.files" && tar -x -C "$1.files" -f "$1"' - {} \;
      $ digest=$(printf $SECRET | sha256sum | cut -c-64) && grep -rlF $digest image | grep -c files/
      2
      $ grep -o '440 0:0' log && grep -rlaF -f $FORMS . $ENGINE_DATA
      440 0:0
      [1]
    `
  },
  {
    row: 45,
    rule: 'a box appears as the one that the image expects',
    transcript: String.raw`
      $ docker vault create staging && printf x | docker vault put staging password
      staging
      $ printf 'FROM %s\nBOX db\nRUN ls /run/vault/db >/built\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --inject staging:db --tag expecting . >/dev/null
      $ docker vault run --network none --rm --inject staging:db expecting sh -c 'cat /built && find /run/vault'
      password
      /run/vault
      /run/vault/db
      /run/vault/db/password
    `
  },
  {
    row: 46,
    rule: 'a box appears at any path',
    transcript: String.raw`
      $ docker vault create db && printf x | docker vault put db password
      db
      $ docker vault run --network none --rm --inject db:/etc/pg $IMAGE find /etc/pg
      /etc/pg
      /etc/pg/password
    `
  },
  {
    row: 48,
    rule: 'a hint that is not fulfilled is an empty box, whatever the image has there; so is an optional volume',
    transcript: String.raw`
      $ printf 'FROM %s\nBOX missing\nRUN mkdir -p /run/vault/missing && touch /run/vault/missing/own\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --tag asking . >/dev/null
      $ docker vault run --network none --rm asking sh -c 'ls /run/vault/missing; touch /run/vault/missing/x'
      ! note: the image asks for box "missing", which is not injected: /run/vault/missing is empty
      ! touch: /run/vault/missing/x: Read-only file system
      [1]
      $ docker run --network none --rm --mount type=volume,volume-driver=secretbox,volume-opt=box=missing,volume-opt=optional=true,dst=/run/vault/missing,volume-nocopy asking ls /run/vault/missing
    `
  },
  {
    row: 50,
    rule: 'a missing box is a clear error, and no container is made',
    transcript: String.raw`
      $ docker vault run --network none --inject missing $IMAGE true
      ! error: no such box "missing"
      ! hint: docker vault list --boxes shows those that there are
      [1]
      $ docker run --network none --mount type=volume,volume-driver=secretbox,src=missing,dst=/db $IMAGE true
      ! docker: Error response from daemon: create missing: VolumeDriver.Create: cannot create volume "missing": no such box "missing" (…).
      ! See 'docker run --help'.
      [125]
      $ docker ps --all --quiet
    `
  },
  {
    row: 52,
    rule: 'BOX <box> in a Dockerfile names a box that the image expects',
    transcript: String.raw`
      $ printf 'FROM %s\nBOX db\nBOX my-box.1\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --tag asking . >/dev/null
      $ docker inspect --format '{{index .Config.Labels "io.secretbox.boxes"}}' asking
      ["db","my-box.1"]
    `
  },
  {
    row: 53,
    rule: 'BOX ["a","b"] names several',
    transcript: String.raw`
      $ printf 'FROM %s\nBOX ["tls", "my box"]\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --tag asking . >/dev/null
      $ docker inspect --format '{{index .Config.Labels "io.secretbox.boxes"}}' asking
      ["tls","my box"]
    `
  },
  {
    row: 54,
    rule: 'the image stores its hints, those of its base image among them, and run honours them',
    transcript: String.raw`
      $ docker vault create one && printf x | docker vault put one file
      one
      $ printf 'FROM %s\nBOX one\n' $IMAGE | docker vault build --quiet --network none --tag base - >/dev/null
      $ printf 'FROM base\nBOX two\n' | docker vault build --quiet --network none --tag asking - >/dev/null
      $ docker vault run --network none --rm --inject one asking find /run/vault
      /run/vault
      /run/vault/one
      /run/vault/one/file
      /run/vault/two
      ! note: the image asks for box "two", which is not injected: /run/vault/two is empty
    `
  },
  {
    row: 55,
    rule: 'the container stores its boxes, with their versions',
    transcript: String.raw`
      $ docker vault create db && printf x | docker vault put db password
      db
      $ docker vault create-container --network none --name one --inject db --inject db:/etc/pg $IMAGE true >/dev/null
      $ docker inspect --format '{{index .Config.Labels "io.secretbox.injected"}}' one
      [{"box":"db","version":2,"target":"/run/vault/db"},{"box":"db","version":2,"target":"/etc/pg"}]
    `
  },
  {
    row: 56,
    rule: 'the image says which boxes it was built with',
    transcript: String.raw`
      $ docker vault create npm tls && printf x | docker vault put npm token
      npm
      tls
      $ printf 'FROM %s\nRUN true\n' $IMAGE >Dockerfile
      $ docker vault build --quiet --network none --inject npm --inject tls:alias --tag built . >/dev/null
      $ docker inspect --format '{{index .Config.Labels "io.secretbox.built-with"}}' built
      ["npm","tls"]
    `
  },
  {
    row: 57,
    rule: 'the log of a build names files and never shows what is in them',
    transcript: String.raw`
      $ docker vault create npm && printf $SECRET | docker vault put npm token
      npm
      $ printf 'FROM %s\nRUN wc -c /run/vault/npm/token\n' $IMAGE >Dockerfile
      $ docker vault build --progress plain --no-cache --network none --inject npm . >log 2>&1 && grep -c '48 /run/vault/npm/token' log
      1
      $ grep -aF -f $FORMS log
      [1]
    `
  },
  {
    row: 58,
    rule: 'inspect shows the boxes of a volume and a container, and what a box holds',
    transcript: String.raw`
      $ docker vault create db && printf $SECRET | docker vault put db password
      db
      $ docker volume create -d secretbox -o box=db -o path=/ data && docker run --network none --detach --name one -v data:/db $IMAGE sleep 86400 >/dev/null
      data
      $ docker volume inspect --format '{{.Status.Box}}' data
      db
      $ docker vault used-by --format '{{.Container}} has {{.Box}} {{.Version}}'
      one has db 2
      $ docker vault inspect --format '{{json .Files}}' db
      [{"Path":"password","Type":"file","Mode":"0600","Size":48}]
      $ { docker inspect one && docker volume inspect data && docker vault inspect db; } | grep -F -f $FORMS
      [1]
    `
  },
  {
    row: 70,
    rule: 'volumes are ro, or rw: a private copy',
    transcript: String.raw`
      $ docker vault create db && printf stored | docker vault put db password
      db
      $ docker volume create -d secretbox -o box=db shown && docker volume create -d secretbox -o box=db -o rw=true own
      shown
      own
      $ docker run --network none --rm -v shown:/db $IMAGE touch /db/x
      ! touch: /db/x: Read-only file system
      [1]
      $ docker run --network none --detach --name one -v own:/db $IMAGE sleep 86400 >/dev/null && docker exec one touch /db/x
      $ docker run --network none --rm -v own:/db $IMAGE ls /db && docker exec one ls /db
      password
      password
      x
    `
  },
  {
    row: 76,
    rule: 'a directory is injected straight from the client',
    transcript: String.raw`
      $ mkdir -p mine/deep && printf secret >mine/deep/key && chmod 0400 mine/deep/key
      $ docker vault run --network none --rm --inject-dir mine:theirs $IMAGE sh -c 'stat -c "%a %n" /run/vault/theirs/deep/key && cat /run/vault/theirs/deep/key'
      400 /run/vault/theirs/deep/key
      secret
    `
  },
  {
    row: 77,
    rule: 'a directory that was injected is gone with the container',
    transcript: String.raw`
      $ mkdir mine && printf secret >mine/key
      $ docker vault run --network none --detach --name one --inject-dir mine $IMAGE sleep 86400 >/dev/null
      $ docker exec one cat /run/vault/mine/key && docker vault list | cut -c-10
      secretephemeral-
      $ docker rm --force --volumes one && docker vault list --boxes && docker volume ls --quiet
      one
    `
  },
  {
    row: 81,
    rule: 'keys are there for a RUN only',
    transcript: String.raw`
      $ docker vault create ssh && printf $SECRET | docker vault put ssh id
      ssh
      $ cat >Dockerfile <<END
      > FROM $IMAGE
      > RUN mkdir /root && ln -s /run/vault/ssh /root/.ssh && test -s /root/.ssh/id
      > COPY Dockerfile /
      > RUN test -s /root/.ssh/id && sha256sum /root/.ssh/id
      > END
      $ docker vault build --quiet --network none --inject ssh --tag built . >/dev/null
      $ docker run --network none --rm built ls /root/.ssh/
      ! ls: /root/.ssh/: No such file or directory
      [1]
      $ grep -rlaF -f $FORMS $ENGINE_DATA
      [1]
    `
  }
]
