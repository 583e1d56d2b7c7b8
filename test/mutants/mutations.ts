import ts from 'typescript'

/** One small fault that could be in a source: `replacement` in the place of the text from `start` to `end`. */
export interface Mutation {
  readonly start: number
  readonly end: number
  readonly replacement: string
}

/** What stands for an operator that somebody took for another. */
const mistaken: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.AmpersandAmpersandToken]: '||',
  [ts.SyntaxKind.BarBarToken]: '&&',
  [ts.SyntaxKind.PlusToken]: '-',
  [ts.SyntaxKind.MinusToken]: '+'
}

/** Every mutation that is known here of a TypeScript source: operators, conditions, numbers, and calls that are left out. */
export function mutationsOf(source: string): readonly Mutation[] {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true)
  const found: Mutation[] = []
  const replace = (node: ts.Node, replacement: string): void => {
    found.push({ start: node.getStart(file), end: node.end, replacement })
  }
  const visit = (node: ts.Node): void => {
    // Types do nothing at run time.
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isBinaryExpression(node)) {
      const operator = mistaken[node.operatorToken.kind]
      if (operator !== undefined && !isText(node)) replace(node.operatorToken, operator)
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      replace(node, `(${node.operand.getText(file)})`)
    } else if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
      const condition = ts.isIfStatement(node) ? node.expression : node.condition
      replace(condition, 'false')
      replace(condition, 'true')
    } else if (ts.isNumericLiteral(node) && !ts.isEnumMember(node.parent)) {
      replace(node, `(${node.getText(file)} + 1)`)
    } else if (ts.isExpressionStatement(node) && isCall(node.expression)) {
      replace(node, ';')
    } else if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword) {
      replace(node, String(node.kind === ts.SyntaxKind.FalseKeyword))
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function isCall(node: ts.Expression): boolean {
  if (ts.isAwaitExpression(node) || ts.isVoidExpression(node)) return isCall(node.expression)
  // Without super(…) no object is made at all.
  return ts.isCallExpression(node) && node.expression.kind !== ts.SyntaxKind.SuperKeyword
}

/** Texts are put together by `+`, too. */
function isText({ operatorToken, left, right }: ts.BinaryExpression): boolean {
  if (operatorToken.kind !== ts.SyntaxKind.PlusToken) return false
  return [left, right].some(one => ts.isStringLiteralLike(one) || ts.isTemplateExpression(one))
}

/** The source with the mutation in it. */
export function mutated(source: string, { start, end, replacement }: Mutation): string {
  return source.slice(0, start) + replacement + source.slice(end)
}

/** The mutation in words: its line's number, and what became of what. */
export function wordsFor(source: string, { start, end, replacement }: Mutation): string {
  const line = source.slice(0, start).split('\n').length
  const was = source.slice(start, end).replace(/\s+/g, ' ')
  return `${line}: ${was.length > 60 ? `${was.slice(0, 59)}…` : was} → ${replacement}`
}
