import { expect, test } from 'vitest'
import { UsageError } from '../../src/cli/failure.ts'
import { parseTemplate, valueText, type Row } from '../../src/cli/template.ts'

const fields = ['Name', 'Size', 'Files']
const row: Row = { Name: 'Db', Size: 12, Files: [{ Path: 'pw' }] }

function render(template: string): string {
  const pieces = parseTemplate(template, fields)
  return pieces.map(piece => ('text' in piece ? piece.text : valueText(piece.value(row)))).join('')
}

test('fields, functions, pipes and escapes work as in docker', () => {
  expect(render('{{.Name}}: {{ .Size }}')).toBe('Db: 12')
  expect(render('{{json .Files}}')).toBe('[{"Path":"pw"}]')
  expect(render('{{json .}}')).toBe(JSON.stringify(row))
  expect(render('{{upper .Name}} {{.Name | lower}} {{.Name | upper | json}}')).toBe('DB db "DB"')
  expect(render('{{.Name}}\\t{{.Size}}\\n')).toBe('Db\t12\n')
  expect(render('no placeholder, } and { stay')).toBe('no placeholder, } and { stay')
  expect(render('{{.Files.None}}')).toBe('')
})

test('what is not understood is refused with the fields that are', () => {
  const refusal = (template: string) => {
    try {
      parseTemplate(template, fields)
    } catch (error) {
      if (error instanceof UsageError) return [error.message, error.hint]
    }
    return null
  }
  const known = 'known fields: .Name .Size .Files; functions: json upper lower'
  expect(refusal('{{.Nmae}}')).toEqual(['bad format: there is no field ".Nmae"', known])
  expect(refusal('{{shout .Name}}')).toEqual(['bad format: there is no function "shout"', known])
  expect(refusal('{{range .Files}}')).toEqual(['bad format: there is no function "range"', known])
  expect(refusal('{{Name}}')).toEqual(['bad format: "{{Name}}" is not understood', known])
  expect(refusal('{{.Name')).toEqual(['bad format "{{.Name": a "{{" has no "}}"', undefined])
})
