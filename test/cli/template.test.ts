import { expect, test } from 'vitest'
import { UsageError } from '../../src/cli/output/failure.ts'
import { parseTemplate, valueText, type Row } from '../../src/cli/output/template.ts'

const file = { Path: {}, Type: {}, Size: {} }
const fields = {
  Name: {},
  Size: {},
  Files: { each: file },
  Tags: { each: 'any' },
  Store: { fields: { ID: {} } }
} as const
const row: Row = {
  Name: 'Db',
  Size: 12,
  Files: [
    { Path: 'pw', Type: 'file', Size: 7 },
    { Path: 'certs', Type: 'directory' }
  ],
  Tags: ['a', 'b'],
  Store: { ID: 'f0' }
}

function render(template: string): string {
  return parseTemplate(template, fields).render(row, valueText)
}

test('range goes through an object by key, as in docker', () => {
  const ranged = parseTemplate('{{range $k, $v := .Scope}}{{$k}}={{$v}};{{end}}', {
    Scope: { fields: 'any' }
  })
  expect(ranged.render({ Scope: { 'a!': 2, a: 1 } }, valueText)).toBe('a=1;a!=2;')
})

test('fields, functions, pipes and escapes work as in docker', () => {
  expect(render('{{.Name}}: {{ .Size }}')).toBe('Db: 12')
  expect(render('{{json .Tags}}')).toBe('["a","b"]')
  expect(render('{{json .}}')).toBe(JSON.stringify(row))
  expect(render('{{upper .Name}} {{.Name | lower}} {{.Name | upper | json}}')).toBe('DB db "DB"')
  expect(render('{{.Name}}\\t{{.Size}}\\n')).toBe('Db\t12\n')
  expect(render('no placeholder, } and { stay {{.Name}}')).toBe('no placeholder, } and { stay Db')
  expect(render('{{.Store.ID}} {{$.Store.ID}}')).toBe('f0 f0')
})

test.each([
  ['{{range .Files}}{{.Path}} {{end}}', 'pw certs '],
  ['{{range $i, $f := .Files}}{{$i}}={{$f.Path}}/{{$.Name}};{{end}}', '0=pw/Db;1=certs/Db;'],
  ['{{range $f := .Files}}{{$f.Type}} {{end}}', 'file directory '],
  ['{{range .Files}}{{if eq .Type "file"}}{{.Size}}{{else}}-{{end}}{{end}}', '7-'],
  ['{{range .Files}}{{if eq .Type "link"}}l{{else if eq .Type "file"}}f{{else}}d{{end}}{{end}}', 'fd'],
  ['{{range $k, $v := .Store}}{{$k}}={{$v}}{{end}}', 'ID=f0'],
  ['{{with .Store}}{{.ID}}{{end}}', 'f0'],
  ['{{len .Files}} {{len .Name}} {{len .Store}}', '2 2 1'],
  ['{{(index .Files 0).Path}} {{len (index .Files 1).Path}}', 'pw 5'],
  ['{{with index .Files 1}}{{.Path}}{{end}} {{index .Tags 1}} {{index .Store "ID"}}', 'certs b f0'],
  ['{{join .Tags ", "}} {{index (split "x:y" ":") 1}}', 'a, b y'],
  ['{{if and (gt .Size 10) (not (eq .Name "web"))}}big{{end}}', 'big'],
  ['{{if or (lt .Size 3) (ne .Name "Db")}}x{{else}}y{{end}}', 'y'],
  ['{{title "ab cd"}} {{truncate .Name 1}} [{{pad .Name 1 2}}]', 'Ab Cd D [ Db  ]'],
  ['a {{- .Name -}} b', 'aDbb'],
  ['{{/* a comment with }} in it */}}{{.Name}}', null],
  ['{{/* a comment */}}{{.Name}}', 'Db'],
  ['{{`raw "text"`}} {{"}}"}} {{.Name}}', 'raw "text" }} Db']
])('%s', (template, rendered) => {
  if (rendered === null) expect(() => render(template)).toThrow(UsageError)
  else expect(render(template)).toBe(rendered)
})

function refusal(template: string): [string, string | undefined] | null {
  try {
    render(template)
  } catch (error) {
    if (error instanceof UsageError) return [error.message, error.hint]
    throw error
  }
  return null
}

const functions =
  'functions: json join split lower upper title pad truncate len index eq ne lt le gt ge and or not'
const known = `known fields: .Name .Size .Files .Tags .Store; ${functions}`

test.each([
  ['{{.Nmae}}', 'there is no field ".Nmae"', known],
  ['{{.name}}', 'there is no field ".name"', known],
  ['{{.Store.Id}}', 'there is no field ".Store.Id"', `known fields: .ID; ${functions}`],
  ['{{.Files.Path}}', 'there is no field ".Files.Path"', functions],
  ['{{.Name.Path}}', 'there is no field ".Name.Path"', functions],
  [
    '{{range .Files}}{{.Pth}}{{end}}',
    'there is no field ".Pth"',
    `known fields: .Path .Type .Size; ${functions}`
  ],
  ['{{range .Files}}{{$.Pth}}{{end}}', 'there is no field "$.Pth"', known],
  [
    '{{with index .Files 0}}{{.Pth}}{{end}}',
    'there is no field ".Pth"',
    `known fields: .Path .Type .Size; ${functions}`
  ],
  ['{{$x}}', 'there is no variable "$x"', 'known variables: $'],
  ['{{.constructor}}', 'there is no field ".constructor"', known],
  ['{{toString .Name}}', 'there is no function "toString"', known],
  ['{{shout .Name}}', 'there is no function "shout"', known],
  ['{{printf "%s" .Name}}', 'there is no function "printf"', known],
  ['{{Name}}', 'there is no function "Name"', known],
  ['{{}}', '"{{}}" is not understood', known],
  ['{{.Name = 3}}', '"{{.Name = 3}}" is not understood', known],
  ['{{.Name .Size}}', '"{{.Name .Size}}" is not understood', known],
  ['{{template "x"}}', '"{{template}}" is not supported', known],
  ['{{range .Files}}', '"{{range}}" has no "{{end}}"', undefined],
  ['{{if .Name}}{{else}}{{else}}{{end}}', '"{{if}}" has two "{{else}}"', undefined],
  ['{{.Name}}{{end}}', '"{{end}}" ends nothing', undefined],
  ['{{(eq .Name "x"}}', 'a "(" has no ")"', undefined],
  ['{{join .Tags}}', 'join takes 2 arguments, not 1', undefined],
  ['{{len .Size}}', 'len takes a list or text, not 12', undefined],
  ['{{range .Size}}{{end}}', 'range takes a list, not 12', undefined],
  ['{{index .Tags 2}}', 'index 2 is too large for a list of 2, counted from 0', undefined],
  ['{{index .Tags -1}}', 'index takes a whole number from 0 on, not -1', undefined]
])('%s is refused with what is right', (template, message, hint) => {
  expect(refusal(template)).toEqual([`bad format: ${message}`, hint])
})

test('braces that are not closed are refused', () => {
  expect(refusal('{{.Name')).toEqual(['bad format "{{.Name": a "{{" has no "}}"', undefined])
  expect(refusal('{{.Name "}}')).toEqual(['bad format "{{.Name \\"}}": a "{{" has no "}}"', undefined])
})
