// Answers each message with the same one; keeps running when it is asked to end.
process.on('SIGTERM', () => undefined)
process.on('message', (message) => process.send(message))
