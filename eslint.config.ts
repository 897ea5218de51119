import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'
import vueParser from 'vue-eslint-parser'
import { layerRule } from './test/architecture/layer-rule.ts'
import { PURE_ROOMS } from './test/architecture/layers.ts'

const TYPESCRIPT = ['**/*.ts', '**/*.vue']
const TESTS = ['test/**/*.ts']
const ASKED_FOR_DEFAULT = ['*.config.ts', 'test/**/*.config.ts', 'test/runner/vitest-reporter.ts']
const PURE = PURE_ROOMS.map((room) => `core/${room}/**/*.ts`)

interface Ban {
  readonly selector: string
  readonly message: string
}

const NAMED_EXPORTS: readonly Ban[] = [
  {
    selector: 'ExportDefaultDeclaration',
    message: 'A default export has as many names as importers: export by name.',
  },
]
/** What a tsconfig without `dom` and `node` lets through, because it belongs to the language. */
const DETERMINISM: readonly Ban[] = [
  {
    selector: 'Identifier[name=/^(Date|Intl)$/]',
    message: 'Replicas would differ: time comes with the event (ClockReading), ordered time with the batch.',
  },
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'A run could not be replayed: draw from the seeded Prng of core/base/prng.ts.',
  },
  {
    selector: 'MemberExpression[property.name=/^(toLocale.*|localeCompare)$/]',
    message: 'Replicas in different locales would differ: compare with < and write with String().',
  },
  {
    selector: ':function[async=true]',
    message: 'Ranks 0-4 are synchronous: what takes time is an effect, and its end an event.',
  },
]
/** What a machine may not even name: the trial at registration (core/machine/determinism.ts) finds only what shows. */
const MACHINES: readonly Ban[] = [
  {
    selector:
      'Identifier[name=/^(setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame|performance|process|Promise|Atomics)$/]',
    message: 'Machines are applied in one go, and know no time but the ordered time of the context.',
  },
  {
    selector:
      'Identifier[name=/^(crypto|globalThis|global|self|window|require|eval|Function|fetch|WebSocket|navigator|localStorage)$/]',
    message: 'A machine has its State, its Input and the context, and nothing else.',
  },
  {
    selector: 'Identifier[name=/^(WeakRef|FinalizationRegistry)$/]',
    message: 'Replicas would differ: nobody orders when memory is collected.',
  },
  {
    selector: 'MemberExpression[property.name="stack"]',
    message: 'Replicas would differ: a stack tells where the program lies, and which engine runs it.',
  },
  {
    selector:
      'MemberExpression[object.name="Math"][property.name=/^(a?(sin|cos|tan)h?|atan2|cbrt|exp|expm1|hypot|log|log10|log1p|log2|pow)$/]',
    message: 'Replicas would differ in the last digit: the language leaves it to the engine. Use whole numbers.',
  },
  {
    selector: ':matches(BinaryExpression[operator="**"], AssignmentExpression[operator="**="])',
    message: 'Replicas would differ in the last digit: the language leaves it to the engine. Multiply whole numbers.',
  },
  {
    selector: 'ForInStatement',
    message: 'Equal objects hold their keys in different orders at different replicas: go through sorted keys.',
  },
  {
    selector: ':matches(Program, ExportNamedDeclaration) > VariableDeclaration[kind=/^(let|var)$/]',
    message: 'A machine keeps nothing between calls: what it is to know later belongs in its State.',
  },
]
const IPC_EDGE: readonly Ban[] = [
  {
    selector: 'ImportSpecifier[imported.name="ipcMain"]',
    message:
      'A handler outside electron/ipc.ts would skip the check of sender and argument: add the call to the contract.',
  },
]
const BRIDGE_EDGE: readonly Ban[] = [
  {
    selector: 'MemberExpression[object.name=/^(window|globalThis)$/][property.name="synod"]',
    message: 'Only renderer/bridge.ts knows how the host is reached: import the bridge.',
  },
]

function bans(...groups: readonly (readonly Ban[])[]): ['error', ...Ban[]] {
  return ['error', ...groups.flat()]
}

export default defineConfig(
  globalIgnores(['out/', 'dist/', 'coverage/', 'test/e2e/artifacts/', 'test/fixtures/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: TYPESCRIPT,
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, extraFileExtensions: ['.vue'] } },
    plugins: { synod: { rules: { layers: layerRule } } },
    rules: {
      'synod/layers': 'error',
      'no-restricted-syntax': bans(NAMED_EXPORTS),
      'max-lines': ['error', 500],
      'max-lines-per-function': ['error', 70],
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // A default that narrows (`unreachable`, `satisfies`) is checked by the compiler.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // A slot or a count in a message is what the message is for.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `return send(reply)` ends a case in one line; the compiler knows that nothing comes back.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `Promise.withResolvers<void>()` is how a promise without a value is made.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // What was caught may be handed on as it came.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Brackets say that a key may be absent.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['core/**/*.ts'],
    ignores: ['core/cli/**', 'core/host/replica-process.ts'],
    rules: {
      // Diagnostics go through `Trace`; words for people are the doors' business, last words the process's own.
      'no-console': 'error',
    },
  },
  { files: PURE, rules: { 'no-restricted-syntax': bans(NAMED_EXPORTS, DETERMINISM) } },
  { files: ['core/machine/**/*.ts'], rules: { 'no-restricted-syntax': bans(NAMED_EXPORTS, DETERMINISM, MACHINES) } },
  {
    files: ['electron/**/*.ts'],
    ignores: ['electron/ipc.ts'],
    rules: { 'no-restricted-syntax': bans(NAMED_EXPORTS, IPC_EDGE) },
  },
  {
    files: ['renderer/**/*.ts', 'renderer/**/*.vue'],
    ignores: ['renderer/bridge.ts'],
    rules: { 'no-restricted-syntax': bans(NAMED_EXPORTS, BRIDGE_EDGE) },
  },
  {
    files: ['renderer/**/*.vue'],
    // Prettier owns the layout, so Vue's layout rules are off.
    extends: [vue.configs['flat/recommended'], { rules: { ...vue.configs['no-layout-rules'].rules } }],
    languageOptions: {
      parser: vueParser,
      parserOptions: { parser: tseslint.parser, projectService: true, extraFileExtensions: ['.vue'] },
    },
    rules: {
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/define-emits-declaration': ['error', 'type-literal'],
      'vue/define-props-declaration': ['error', 'type-based'],
      'vue/no-v-html': 'error',
      // A page is named for what it shows: `Overview.vue`.
      'vue/multi-word-component-names': 'off',
      // vue-tsc knows the names of the DOM and of TypeScript; this rule does not.
      'no-undef': 'off',
    },
  },
  {
    files: ['renderer/**/*.vue', 'renderer/main.ts', 'renderer/router.ts'],
    rules: {
      // typescript-eslint sees neither into a component nor what a template gives a ref; vue-tsc does.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['renderer/stores/**/*.ts'],
    rules: {
      // A setup store is a class written as one function.
      'max-lines-per-function': ['error', 150],
    },
  },
  {
    files: TESTS,
    rules: {
      // A `describe` is as long as what it describes.
      'max-lines-per-function': 'off',
    },
  },
  // Tools ask for a default export.
  { files: ASKED_FOR_DEFAULT, rules: { 'no-restricted-syntax': 'off' } },
)
