using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>Requests that are longer than the server permits, though not longer than the client does.</summary>
public sealed class LongRequestTests
{
    [Fact]
    public async Task RequestBeyondTheServersLimit_IsRefusedAndDelaysNoOthers()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Limits:FrameBytesMax=65536"]);
        await using var client = new KestrelKvClient(RestartableServer.Options(server.WirePort));
        var load = new Load(client, "", new Random(Seeds.Seed));
        load.Begin(20);
        foreach (int length in (int[])[66_000, 200_000, 2_000_000])
        {
            string value = new('x', length);
            await load.AwaitCallsAsync(50);
            RefusedException[] refused = await Task.WhenAll(Enumerable.Range(0, 3).Select(
                _ => Assert.ThrowsAsync<RefusedException>(async () => await client.PutAsync("long", value))));
            Assert.All(refused, failure => Assert.Equal("frame_too_long", failure.Code));
        }
        await load.AwaitCallsAsync(50);
        await load.EndAsync();
        await load.CheckAsync(client);
        Assert.False((await client.GetAsync<string>("long")).Found);
    }
}
