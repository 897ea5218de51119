import { expect, it } from 'vitest'
import * as v from 'valibot'
import { textOf } from './sources.ts'

const lockSchema = v.object({
  packages: v.record(
    v.string(),
    v.looseObject({
      version: v.optional(v.string()),
      resolved: v.optional(v.string()),
      integrity: v.optional(v.string()),
      link: v.optional(v.boolean()),
    }),
  ),
})
const manifestSchema = v.object({
  dependencies: v.record(v.string(), v.string()),
  devDependencies: v.record(v.string(), v.string()),
})

const packages = Object.entries(v.parse(lockSchema, JSON.parse(textOf('package-lock.json'))).packages)

it('the lock file names no place to download from, so every registry serves it', () => {
  expect(packages.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([])
})

it('the lock file holds the checksum of every package', () => {
  const unchecked = packages.filter(
    ([path, entry]) => path !== '' && entry.link !== true && entry.integrity === undefined,
  )
  expect(unchecked.map(([path]) => path)).toEqual([])
})

it('every direct dependency is pinned to one version', () => {
  const { dependencies, devDependencies } = v.parse(manifestSchema, JSON.parse(textOf('package.json')))
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, range]) => !/^\d+\.\d+\.\d+/.test(range),
  )
  expect(loose).toEqual([])
})

it('the lock file knows the optional packages of every platform', () => {
  const known = new Set(packages.map(([path]) => path))
  const missing = packages.flatMap(([path, entry]) =>
    Object.keys(v.parse(v.record(v.string(), v.string()), entry.optionalDependencies ?? {})).filter(
      (name) => !known.has(`node_modules/${name}`) && !known.has(`${path}/node_modules/${name}`),
    ),
  )
  expect(missing).toEqual([])
})
