using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>A client in a process whose thread pool has at most two threads (<see cref="FewThreads"/>).</summary>
public sealed class ThreadPoolTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(10_000, 0)]
    [InlineData(1_000, 1)]
    public async Task ManyCallers_OnTwoThreads_Complete(int callers, int blockedMilliseconds)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        output.WriteLine(await TestPrograms.RunAsync(nameof(FewThreads), server.WirePort, callers, blockedMilliseconds));
    }
}
