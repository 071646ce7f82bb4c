using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Calls that wait for durability while other threads complete and fail them.</summary>
public sealed class DurableWaitsTests
{
    [Fact]
    public async Task Fail_DuringComplete_EndsEachCallOnceAndOnlyDurableOnesSucceed()
    {
        for (int round = 0; round < 50; round++)
        {
            const int Count = 2_000;
            var waits = new DurableWaits(0);
            Task<int>[] calls = [.. Enumerable.Range(1, Count).Select(version => waits.For(version, version).AsTask())];

            // As in a server: one thread syncs, while the thread that prepares segments detects that the disk has failed.
            Task completing = Task.Run(() =>
            {
                for (int version = 10; version <= Count / 2; version += 10) waits.Complete(version);
            });
            Task failing = Task.Run(() => waits.Fail(new IOException("broken")));
            await Task.WhenAll(completing, failing);

            await Task.WhenAny(Task.WhenAll(calls), Task.Delay(TimeSpan.FromSeconds(10)));
            Assert.All(calls, call => Assert.True(call.IsCompleted));
            Assert.All(calls.Skip(Count / 2), call => Assert.IsType<DurabilityLostException>(call.Exception?.InnerException));
        }
    }
}
