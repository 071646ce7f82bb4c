using System.Runtime.CompilerServices;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Client.Aot;

// Uses the client without reflection and without a just-in-time compiler, and prints what the test expects. Argument: the server's port.
var options = new KestrelKvClientOptions
{
    Host = "127.0.0.1",
    Port = int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture),
    Json = new(JsonSerializerDefaults.Web) { TypeInfoResolver = OrderJson.Default },
};
await using var kv = new KestrelKvClient(options);
Console.WriteLine($"native {!RuntimeFeature.IsDynamicCodeSupported}");

// Type information from the options, and passed to a call.
await kv.PutAsync("order:1", new Order("Ada", 12.50m, ["tea"]));
await kv.PutAsync("order:2", new Order("Grace", 3m, []), OrderJson.Default.Order);
Entry<Order> order = await kv.GetAsync<Order>("order:1");
Console.WriteLine($"order {order.Value!.Customer} {order.Value.Total} {order.Value.Items[0]}");

// A client without any type information knows texts, numbers and JSON.
await using var plain = new KestrelKvClient($"kestrelkv://127.0.0.1:{args[0]}");
await plain.PutAsync("text", "tea");
await plain.PutAsync("number", 42L);
Entry<string> text = await plain.GetAsync<string>("text");
Entry<long> number = await plain.GetAsync<long>("number");
Entry<JsonElement> json = await plain.GetAsync<JsonElement>("order:2");
Console.WriteLine($"basic {text.Value} {number.Value} {json.Value.GetProperty("customer")} {json.Value.GetProperty("total")}");

BatchResult batch = await kv.CreateBatch()
    .Put("order:3", new Order("Barbara", 7m, ["ink"]), new() { IfExists = false })
    .Increment("orders", 3)
    .Get("order:1")
    .CommitAsync();
Console.WriteLine($"batch {batch.Applied} {batch.GetIncrement(1).Value} {batch.GetEntry<Order>(2).Value!.Customer}");

var customers = new List<string>();
await foreach (Entry<Order> entry in kv.ScanAsync<Order>("order:")) customers.Add(entry.Value!.Customer);
Console.WriteLine($"scan {string.Join(' ', customers)}");

WriteResult renamed = await kv.PatchAsync("order:1", new JsonPatch().Test("/customer", "Ada").Replace("/customer", "Ada L."));
Entry<Order> raised = await kv.UpdateAsync<Order>("order:2", current => current.Value! with { Total = 4m });
await foreach (WatchEvent<Order> change in kv.WatchAsync<Order>("order:", new() { FromVersion = renamed.Version }))
{
    Console.WriteLine($"watch {change.Kind} {change.Key} {change.Value!.Customer} {change.Value.Total}");
    if (change.Version == raised.Version) break;
}

try
{
    await kv.IncrementAsync("text");
}
catch (RefusedException e)
{
    Console.WriteLine($"refused {e.Code}");
}

try
{
    await kv.PutAsync("stranger", new Stranger("Eve"));
}
catch (InvalidOperationException e)
{
    Console.WriteLine(e.Message);
}
