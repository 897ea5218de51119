/** Words of founding, switching and deleting clusters. */
export const clustersText = {
  doors: {
    title: 'No cluster yet',
    titleMore: 'Another cluster',
    gloss:
      'A cluster is a few replicas that agree on one order of Inputs, execute them each on their own, and answer with the Output a majority gave.',
    try: {
      title: 'Try it on this computer',
      body: 'Three replicas as three processes on this computer, reachable from nowhere else. Failures may be rehearsed. Delete it when done.',
      name: 'Name of the cluster',
      nameHint: '1 to 64 characters.',
      nameMissing: 'Give the cluster a name.',
      defaultName: 'rehearsal',
      submit: 'Start three replicas',
    },
    found: {
      title: 'Found a cluster',
      body: 'Replicas on several computers of one network, with this one as the first.',
    },
    join: {
      title: 'Join one nearby',
      body: 'Clusters seen on this network are listed here; joining is approved on both screens.',
    },
    notYet: 'Not in this version yet.',
    clusters: 'Clusters on this host',
  },
  founding: {
    title: (name: string) => `Founding ${name}`,
    waiting: 'Waiting for three replicas to start, find each other and elect a leader.',
    steps: 'Steps of founding',
    done: 'done',
    pending: 'waiting',
    replicas: 'Replicas',
  },

  cluster: {
    label: 'Cluster',
    switch: (name: string) => `Cluster ${name}: switch or manage`,
    others: 'Clusters on this host',
    new: 'Another cluster',
    start: 'Start the cluster',
    stop: 'Stop the cluster',
    delete: 'Delete the cluster',
    unknown: 'This cluster is not on this host',
    unknownHint: 'It may have been deleted. Pick another one.',
    stopTitle: (name: string) => `Stop ${name}?`,
    stopBody:
      'All of its replicas stop. Requests are not served until it is started again. Nothing acknowledged is lost.',
    stopConfirm: 'Stop the cluster',
    deleteTitle: (name: string) => `Delete ${name}?`,
    deleteBody: 'Its replicas stop and all of its data on this computer is deleted. This cannot be undone.',
    deleteField: (name: string) => `Type ${name} to delete it`,
    deleteConfirm: 'Delete the cluster',
  },
}
