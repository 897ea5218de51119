import { createRouter, createWebHashHistory, type Router, type RouteRecordRaw } from 'vue-router'

/** Names of the screens; a cluster's own screens carry its id. */
export const SCREENS = {
  doors: 'doors',
  overview: 'overview',
  submit: 'submit',
  votes: 'votes',
  audit: 'audit',
  log: 'log',
} as const

declare module 'vue-router' {
  interface RouteMeta {
    /** The screen shows a large tape itself: the small one stays out of the header. */
    largeTape?: boolean
  }
}

const routes: readonly RouteRecordRaw[] = [
  { path: '/', name: 'start', component: () => import('./pages/StartPage.vue') },
  { path: '/doors', name: SCREENS.doors, component: () => import('./pages/DoorsPage.vue') },
  {
    path: '/cluster/:cluster',
    component: () => import('./pages/ClusterFrame.vue'),
    children: [
      { path: '', redirect: { name: SCREENS.overview } },
      {
        path: 'overview',
        name: SCREENS.overview,
        meta: { largeTape: true },
        component: () => import('./pages/OverviewPage.vue'),
      },
      { path: 'submit', name: SCREENS.submit, component: () => import('./pages/SubmitPage.vue') },
      {
        path: 'votes',
        name: SCREENS.votes,
        meta: { largeTape: true },
        component: () => import('./pages/VotesPage.vue'),
      },
      { path: 'audit', name: SCREENS.audit, component: () => import('./pages/AuditPage.vue') },
      { path: 'log', name: SCREENS.log, component: () => import('./pages/LogPage.vue') },
    ],
  },
  { path: '/:unknown(.*)*', redirect: '/' },
]

/** Screens are addressed behind the `#`, so that a file or a scheme of the desktop serves them as well as a host. */
export function createScreens(): Router {
  return createRouter({ history: createWebHashHistory(), routes: [...routes] })
}
