import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'

const path = (relative: string): string => resolve(import.meta.dirname, relative)

export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      // Everything is in the bundle: the packaged application carries no node_modules.
      externalizeDeps: false,
      lib: {
        // Each process starts from a file of its own.
        entry: { main: path('electron/main.ts'), 'replica-process': path('electron/replica-process.ts') },
        formats: ['es'],
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      externalizeDeps: false,
      rolldownOptions: {
        input: { preload: path('electron/preload.ts') },
        // A sandboxed preload is one CommonJS file.
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'renderer',
    plugins: [vue()],
    build: {
      outDir: 'out/renderer',
      minify: true,
      // Inlined as data: URLs they would need a hole in the Content Security Policy.
      assetsInlineLimit: 0,
      rolldownOptions: { input: { index: path('renderer/index.html') } },
    },
  },
})
