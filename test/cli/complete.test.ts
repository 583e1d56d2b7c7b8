import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../kit/temporary.ts'
import { done, runProgram } from '../kit/run-program.ts'
import { atTerminal } from '../kit/terminal.ts'
import { useCli } from '../kit/use-cli.ts'

const { run, daemon, program } = useCli()
beforeAll(async () => {
  await run(['create', 'web', 'two words', 'empty'])
  await run(['put', 'web', 'certs/ca.pem'], { input: 'ca' })
  await run(['put', 'web', 'certs/key.pem'], { input: 'key' })
  await run(['put', 'web', 'pass:word'], { input: 'one' })
  await run(['put', 'web', 'password'], { input: 'two' })
  await run(['put', 'web', 'new\nline'], { input: 'three' })
  await run(['put', 'two words', 'a b/c d'], { input: 'four' })
})

async function complete(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(['__completeNoDesc', ...words])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').slice(0, -1)
}

test('commands are completed, with what they do', async () => {
  expect(await run(['__complete', 'de'])).toMatchObject(
    done('destroy\tDestroy boxes with everything in them\n:4\n')
  )
  expect(await complete('help', 'ins')).toEqual(['inspect', ':4'])
  expect(await complete('nonsense', '')).toEqual([':4'])
})

test('options are completed, and the values of some', async () => {
  expect(await complete('list', '--b')).toEqual(['--boxes', ':4'])
  expect(await complete('list', '--format', 'j')).toEqual(['json', ':4'])
  expect(await complete('put', '-g', '-c', 'chars')).toEqual(['chars:', ':4'])
  expect(await complete('put', '--file', '')).toEqual([':0'])
  expect(await complete('audit', '--box', 'w')).toEqual(['web', ':4'])
  expect(await complete('audit', '--box=w')).toEqual(['--box=web', ':4'])
  expect(await complete('read', 'two words:a b', '--version', '')).toEqual(['2', '1', ':36'])
  expect(await complete('audit', '--last', '')).toEqual([':4'])
  expect(await complete('list', '--', '--')).toEqual([':4'])
  expect(await complete('put', '-l', '12', 'e')).toEqual(['empty:', ':6'])
})

test('values that an equals sign joins to their option are completed as such', async () => {
  expect(await complete('list', '--format=t')).toEqual(['--format=table', ':4'])
  expect(await complete('list', '--nonsense=t')).toEqual([':4'])
  expect(await complete('list', '--', '--format=t')).toEqual([':4'])
})

test('after --inject boxes are completed, wherever it stands among the flags of docker', async () => {
  for (const name of ['run', 'create-container', 'build']) {
    expect(await complete(name, '--inject', '')).toEqual(['empty', 'two words', 'web', ':4'])
    expect(await complete(name, '--inject', 'web', '--inject=t')).toEqual(['--inject=two words', ':4'])
    expect(await complete(name, '--inject', 'web:')).toEqual([':4'])
  }
  expect(await complete('run', '-it', '--rm', '-e', 'A=b', '--name=x', '--inject', 'w')).toEqual([
    'web',
    ':4'
  ])
  expect(await complete('run', '-itu', '--inject', 'w')).toEqual([':0'])
  expect(await complete('build', '.', '--inject', 'w')).toEqual(['web', ':4'])
  // Behind the image everything is the container's; the value of a flag that is no box is a file at best.
  expect(await complete('run', 'image', '--inject', 'w')).toEqual([':0'])
  expect(await complete('run', '--', '--inject', 'w')).toEqual([':0'])
  expect(await complete('run', '--inject-dir', 'w')).toEqual([':0'])
  expect(await complete('run', '--cidfile', '--inject', 'w')).toEqual([':0'])
})

test('after a comma the options of an --inject are completed, for a build those that it takes', async () => {
  expect(await complete('run', '--inject', 'web,u')).toEqual(['web,uid=', ':6'])
  expect(await complete('run', '--inject=two words:x,mode=0400,r')).toEqual([
    '--inject=two words:x,mode=0400,rw',
    ':6'
  ])
  expect(await complete('build', '--inject', 'web,r')).toEqual([':6'])
  expect(await complete('run', '--inject', 'two words,version=')).toEqual([
    'two words,version=2',
    'two words,version=1',
    ':38'
  ])
})

test("flags of docker's are completed, and our own", async () => {
  expect(await complete('run', '--inj')).toEqual(['--inject', '--inject-dir', ':4'])
  expect(await complete('run', '--rm', '--det')).toEqual(['--detach-keys', '--detach', ':4'])
  expect(await complete('create-container', '-v')).toEqual(['-v', ':4'])
  expect(await complete('build', '.', '--no-c')).toEqual(['--no-cache-filter', '--no-cache', ':4'])
  expect(await run(['__complete', 'run', '--inject-d'])).toMatchObject(
    done('--inject-dir\ta directory, as DIR, DIR:ALIAS or DIR:/PATH\n:4\n')
  )
})

test('boxes are completed, also after options and other boxes', async () => {
  expect(await complete('destroy', '')).toEqual(['empty', 'two words', 'web', ':4'])
  expect(await complete('ls', '-b', 'web', 'tw')).toEqual(['two words', ':4'])
  expect(await complete('cat', 'w')).toEqual(['web:', ':6'])
})

test('paths are completed one level at a time; names that a line cannot hold are left out', async () => {
  expect(await complete('rm', 'web', '')).toEqual(['certs/', 'pass:word', 'password', ':4'])
  expect(await complete('rm', 'web', 'c')).toEqual(['certs/', ':6'])
  expect(await complete('rm', 'web', 'password', 'certs/k')).toEqual(['certs/key.pem', ':4'])
  expect(await complete('rm', 'web:pass')).toEqual(['web:pass:word', 'web:password', ':4'])
  expect(await complete('rm', 'web:password', 'web:c')).toEqual(['web:certs/', ':6'])
  expect(await complete('ls', 'web:certs/k')).toEqual(['web:certs/key.pem', ':4'])
  expect(await complete('read', 'web:pass')).toEqual(['web:pass:word', 'web:password', ':4'])
  expect(await complete('edit', 'two words:')).toEqual(['two words:a b/', ':6'])
  expect(await complete('put', 'web', 'pass')).toEqual(['pass:word', 'password', ':4'])
  expect(await complete('put', 'web:password', '')).toEqual([':4'])
  expect(await complete('diff', 'web:certs/k')).toEqual(['web:certs/key.pem', ':4'])
  expect(await complete('diff', 'two words:a b', '')).toEqual(['2', '1', ':36'])
  expect(await complete('add', 'web:c')).toEqual(['web:certs/', ':6'])
})

test('versions are completed, and files where the operator has some', async () => {
  expect(await complete('rollback', 'two words', '')).toEqual(['2', '1', ':36'])
  expect(await complete('diff', 'two words', '1', '')).toEqual(['2', '1', ':36'])
  expect(await complete('add', 'web', '')).toEqual([':0'])
  expect(await complete('cp', 'web:c')).toEqual(['web:certs/', ':2'])
  expect(await complete('completion', '')).toEqual(['bash', 'fish', 'zsh', ':4'])
})

test('docker asks for its plugin with the word "vault"', async () => {
  expect(await run(['__complete', 'vault', 'read', 'em'])).toMatchObject(done('empty:\t0 entries\n:6\n'))
})

test('nothing is completed, and nothing said, when it cannot be found out', async () => {
  expect(await complete('rm', 'none', '')).toEqual([':1'])
  const { code, stdout, stderr } = await run(['__complete', 'ls', ''], {
    env: { SECRETBOX_SOCKET: '/nowhere' }
  })
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: ':1\n', stderr: '' })
})

test.each(['bash', 'zsh', 'fish'])('there is a script for %s', async shell => {
  const { code, stdout, stderr } = await run(['completion', shell])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`# ${shell} completion for docker vault, docker-vault and secretbox\n`)
  expect(stdout).toContain('__complete')
})

test('other shells have none', async () => {
  expect(await run(['completion', 'csh'])).toMatchObject({
    code: 2,
    stderr: 'error: unknown shell "csh"\nhint: known: bash, fish, zsh\n'
  })
})

test('in a real bash, tab completes boxes and paths with spaces and colons', async () => {
  const bash = atTerminal('bash --norc --noprofile -i', {
    PATH: [dirname(program), process.env['PATH']].join(':'),
    PS1: 'ready> ',
    SECRETBOX_SOCKET: daemon().adminSocket
  })
  await bash.type('ready> ', 'source <(docker-vault completion bash); echo sour""ced\r')
  await bash.type('sourced\r\nready> ', 'docker-vault rea\tw\tpassw\t\r')
  await bash.type('two\r\nready> ', 'docker-vault cat web:pass:\t\r')
  await bash.type('one\r\nready> ', 'docker-vault cat tw\ta\tc\t\r')
  await bash.type('four\r\nready> ', 'docker-vault list --bo\twe\t\r')
  // Ctrl-U takes the line away again.
  await bash.type('CHANGED\r\nweb ', 'docker-vault run --rm --inj\t=tw\t')
  await bash.type('ect=two\\ words ', '\u0015docker-vault run --read\t--inject tw\t')
  await bash.type('--read-only --inject two\\ words ', '\u0015docker-vault list --bo\t--format=ta\twe\t\r')
  await bash.type('--format=table web', 'exit\r')
  expect((await bash.ended).code).toBe(0)
})

/** Where `docker vault` is the program, and the script of a shell lies where that shell finds it by itself. */
async function installedFor(shell: string, path: string): Promise<NodeJS.ProcessEnv> {
  const home = temporaryDirectory()
  const script = join(home, path)
  await mkdir(join(home, 'cli-plugins'), { recursive: true })
  await mkdir(dirname(script), { recursive: true })
  await symlink(program, join(home, 'cli-plugins/docker-vault'))
  await symlink(program, join(home, 'secretbox'))
  await writeFile(script, (await run(['completion', shell])).stdout)
  return {
    PATH: [dirname(program), home, process.env['PATH']].join(':'),
    HOME: home,
    DOCKER_CONFIG: home,
    SECRETBOX_SOCKET: daemon().adminSocket
  }
}

test('in a real zsh, tab completes what docker-vault and docker vault take, and what docker itself takes', async () => {
  const env = await installedFor('zsh', 'functions/_docker-vault')
  const zsh = atTerminal('zsh -f -i', { ...env, PS1: 'ready> ' })
  await zsh.type(
    'ready> ',
    'fpath=(~/functions $fpath); autoload -U compinit; compinit -u -D; echo load""ed\r'
  )
  await zsh.type('loaded\r\n', 'docker-vault rea\tw\tpassw\t\r')
  await zsh.type('two\r\n', 'docker vault cat web:pass:\t\r')
  await zsh.type('one\r\n', 'docker vault cat tw\ta\tc\t\r')
  await zsh.type('four\r\n', 'docker vault run --read\t--inject tw\t')
  await zsh.type('--inject two\\ words', '\u0015docker-vault run --inject=tw\t')
  await zsh.type('--inject=two\\ words', '\u0015docker versi\t--help\r')
  await zsh.type('Show the Docker version', 'exit\r')
  expect((await zsh.ended).code).toBe(0)
})

test('a real fish completes what docker-vault and docker vault take, and what docker itself takes', async () => {
  const env = await installedFor('fish', '.config/fish/conf.d/docker-vault.fish')
  const ours = ['docker-vault', 'secretbox'].flatMap(name => [
    `${name} destroy w`,
    `${name} read web:passw`,
    `${name} run --rm --inject w`,
    `${name} run --rm --inject=w`,
    `${name} run --read`
  ])
  const lines = [...ours, 'docker vault destroy w', 'docker vault read web:passw', 'docker versi']
  // One fish for all of them; an empty line ends the candidates of each.
  const script = 'for line in $argv; complete --do-complete $line; echo; end'
  const { stdout } = await runProgram('fish', ['--command', script, ...lines], { env })
  const candidates = stdout.split(/^\n/m).map(text => text.split('\n').slice(0, -1))
  const expected = [
    ['web\t6 entries'],
    ['web:password\tfile'],
    ['web\t6 entries'],
    ['--inject=web\t6 entries'],
    ['--read-only']
  ]
  expect(candidates.slice(0, 10)).toEqual([...expected, ...expected])
  // Docker's own script for fish may add commands of docker, because it knows no plugins.
  expect(candidates[10]).toContain('web\t6 entries')
  expect(candidates[11]).toContain('web:password\tfile')
  expect(candidates[12]?.map(line => line.split('\t')[0])).toContain('version')
})

test('the bash script is correct as it stands', async () => {
  const { stdout } = await run(['completion', 'bash'])
  expect(await runProgram('bash', ['-n'], { input: stdout })).toMatchObject(done())
})

test('what is completed again and again is in the audit once, and what is read always', async () => {
  await run(['create', 'tabbed'])
  await run(['put', 'tabbed', 'a'], { input: 'x' })
  for (let i = 0; i < 3; i++) {
    await run(['__complete', 'read', 'tabbed:'])
    await run(['read', 'tabbed:a'])
  }
  const { stdout } = await run(['audit', '--box', 'tabbed', '--format', '{{.Action}} {{.Caller}}'])
  const actions = stdout.split('\n')
  expect(actions.filter(action => action === 'box.inspect uid 0 (completion)')).toHaveLength(1)
  expect(actions.filter(action => action === 'box.reveal uid 0')).toHaveLength(3)
})
