import js from '@eslint/js'
import tseslint from 'typescript-eslint'

const lines = { skipBlankLines: true, skipComments: true }

export default tseslint.config(
  { ignores: ['build/', 'node_modules/', 'eslint.config.js'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true }
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true }
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // There are no enums here, and it looks at every assignment.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      'no-console': 'off',
      // FAULT: marks what the build of the plugin leaves out.
      'no-unused-labels': 'off',
      // What is longer says why: eslint-disable-next-line max-lines-per-function -- because …
      'max-lines': ['error', { max: 250, ...lines }],
      'max-lines-per-function': ['error', { max: 70, ...lines, IIFEs: true }],
      eqeqeq: 'error'
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' }
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/base/secret.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.object.name="Buffer"][callee.property.name=/^(alloc|allocUnsafe|allocUnsafeSlow|copyBytesFrom)$/]',
          message: 'V8 keeps short ones in its heap, and copies them there: use newBytes of base/secret.ts'
        },
        {
          selector: ':matches(NewExpression[arguments.length=1], CallExpression)[callee.name="Uint8Array"]',
          message: 'V8 keeps short ones in its heap, and copies them there: use newBytes of base/secret.ts'
        },
        {
          selector: 'MemberExpression[object.name="Uint8Array"][property.name=/^(from|of)$/]',
          message: 'V8 keeps short ones in its heap, and copies them there: use newBytes of base/secret.ts'
        }
      ]
    }
  },
  {
    // A describe block is a function, too; and a table of cases is read row by row.
    files: ['test/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 500, ...lines }],
      'max-lines-per-function': ['error', { max: 250, ...lines, IIFEs: true }]
    }
  }
)
