import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { carriesToken } from './access-token.ts'
// Reached before the screens are addressed: it takes the token out of the address.
import './bridge.ts'
import { createScreens } from './router.ts'
import { usePreferencesStore } from './stores/preferences.ts'
import './styles/fonts.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/digest.css'

// A new address pasted into an open tab changes only what is behind the `#`.
window.addEventListener('hashchange', () => {
  if (carriesToken(window.location.hash)) window.location.reload()
})

const pinia = createPinia()
// The theme is on the page before anything is drawn.
usePreferencesStore(pinia)
createApp(App).use(pinia).use(createScreens()).mount('#app')
