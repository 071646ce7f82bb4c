using System.Globalization;
using KestrelKv.Client;
using KestrelKv.Extensions.Tests.Worker;

// A process that tests command over its standard input: see LockWorker. Arguments: port of the server, expiry of locks in seconds.
await using var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{args[0]}");
await using var worker = new LockWorker(client, TimeSpan.FromSeconds(double.Parse(args[1], CultureInfo.InvariantCulture)));
while (await Console.In.ReadLineAsync() is { } command) await worker.ExecuteAsync(command.Split(' '));
