// Benchmarks of the protocol core alone, without sockets: `core-bench [PREFIX]` runs those whose name begins so.

let bench = Bench(only: CommandLine.arguments.dropFirst().first ?? "")
dialogueBenchmarks(bench)
fetchBenchmarks(bench)
messageBenchmarks(bench)
