/**
 * Loaded into the worker's process before everything else. The worker is out of reach of a Ctrl-C,
 * which is the demo's to answer; so it has to notice by itself when the demo was killed.
 */
process.on('disconnect', () => process.exit(1))
// A listener keeps the channel, and with it the process, alive.
process.channel?.unref()
