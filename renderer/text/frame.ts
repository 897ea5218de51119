/** Words of the frame around every screen: rail, connection, access. */
export const frameText = {
  product: 'Synod',
  skipToContent: 'Skip to content',

  screens: { doors: 'Clusters', overview: 'Overview', submit: 'Submit', votes: 'Votes', log: 'Log and checkpoints' },
  rail: {
    label: 'Screens',
    collapse: 'Collapse the rail',
    expand: 'Expand the rail',
    version: (version: string) => `Synod ${version}`,
    hosts: { desktop: 'desktop host', headless: 'headless host' },
  },
  theme: { label: 'Theme', light: 'Light', dark: 'Dark', system: 'As the system' },

  connection: {
    connecting: 'Connecting',
    open: 'Connected',
    away: 'Not connected',
    refused: 'No access',
    connectingTitle: 'Connecting to the host',
    connectingHint: 'The console is waiting for the host to answer.',
    awayTitle: 'The host does not answer',
    awayHint:
      'Nothing is known about its clusters from here; their replicas may be running. The console tries again by itself. If the host was stopped, start it with synod serve.',
    hydrating: 'Reading what the host shows',
    picture: (age: string) => `Not connected to the host. This picture is ${age} old.`,
    nextTry: (seconds: number) => (seconds <= 0 ? 'Trying now.' : `Next try in ${seconds} s.`),
    tryNow: 'Try now',
    hydrateFailed: 'The host answered, but could not show its clusters.',
    lostCode: 'CONNECTION_LOST',
    lost: 'The connection to the host ended before its answer came. It may or may not have been carried out.',
    notConnected: 'There is no connection to the host. Nothing was sent.',
  },
  access: {
    missing: 'This console needs an access token',
    refused: 'The host did not accept this access token',
    meaning: 'Nothing was changed. The host shows its clusters only to those who hold its token.',
    refusedMeaning: 'Nothing was changed. The token may be from an earlier start of the host, or was cut short.',
    whereTitle: 'Where to find it',
    where: 'Look at the terminal in which synod serve runs. It printed one line with the address to open:',
    line: 'http://127.0.0.1:…/#token=…',
    then: 'Open that whole address, or paste it here.',
    field: 'Address or token',
    connect: 'Connect',
    empty: 'Paste the address or the token first.',
  },
}
