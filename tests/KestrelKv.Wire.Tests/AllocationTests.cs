using System.Diagnostics;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The path from received bytes to sent bytes allocates nothing.</summary>
public sealed class AllocationTests
{
    private const int Few = 10;
    private const int Many = 110;
    private const int Rounds = 50;

    [Fact]
    public void Serve_SteadyState_AllocatesNothingPerRequest()
    {
        using var wire = new TestWire(store: new ConstantStore());
        wire.Metrics.Dispose();
        TestClient client = wire.Connect();
        byte[] few = Batch(Few);
        byte[] many = Batch(Many);
        long forFew = Least(() => Measure(client, few));
        long forMany = Least(() => Measure(client, many));
        Assert.Equal(forFew, forMany);

        // Without optimization the state of an asynchronous method is an object, so a batch allocates a few.
        if (IsOptimized) Assert.Equal(0, forMany);
    }

    /// <summary>The general parser allocates nothing for these requests either.</summary>
    [Fact]
    public void Serve_RequestsWithTraceAndNoListener_AllocatesNothingPerRequest()
    {
        using var wire = new TestWire(store: new ConstantStore());
        wire.Metrics.Dispose();
        TestClient client = wire.Connect();
        byte[] few = Frames.Stream(Enumerable.Range(0, Few).Select(i => Traces.Sampled(Frames.Get($"key {i}"))));
        byte[] many = Frames.Stream(Enumerable.Range(0, Many).Select(i => Traces.Sampled(Frames.Get($"key {i}"))));
        long forFew = Least(() => Measure(client, few));
        Assert.Equal(forFew, Least(() => Measure(client, many)));
        if (IsOptimized) Assert.Equal(0, forFew);

        // The same requests do allocate spans for a listener.
        using var spans = new SpanRecorder(wire.Tracing.Source);
        Measure(client, few);
        Assert.Equal(Few * Rounds, spans.Ended.Count);
    }

    /// <summary>A listener costs nothing for requests without <c>trace</c>.</summary>
    [Fact]
    public void Serve_RequestsWithoutTraceAndAListener_AllocatesNothingPerRequest()
    {
        using var wire = new TestWire(store: new ConstantStore());
        wire.Metrics.Dispose();
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        byte[] few = Batch(Few);
        byte[] many = Batch(Many);
        long forFew = Least(() => Measure(client, few));
        Assert.Equal(forFew, Least(() => Measure(client, many)));
        if (IsOptimized) Assert.Equal(0, forFew);
        Assert.Empty(spans.Begun);
    }

    private static bool IsOptimized =>
        !typeof(WireConnectionHandler).Assembly.GetCustomAttributes(false).OfType<DebuggableAttribute>().Any(a => a.IsJITOptimizerDisabled);

    /// <summary>
    /// Returns the least of ten measurements. The first one creates objects, and a garbage collection empties pools, but allocations per
    /// request occur in every measurement.
    /// </summary>
    private static long Least(Func<long> measure) => Enumerable.Range(0, 10).Min(_ => measure());

    private static byte[] Batch(int count) => Frames.Stream(Enumerable.Range(0, count / 2).SelectMany(i =>
        (string[])[WithId(Frames.Get($"key {i}"), i), WithId(Frames.Put($"key {i}", "{\"a\": [1, 2, 3]}" + RequestId(i)), i)]));

    /// <summary>Every other PUT has a request id.</summary>
    private static string RequestId(int i) => i % 2 == 0 ? $", \"request_id\": \"c.{i}\", \"request_seq\": 7" : "";

    /// <summary>Every other request has an id.</summary>
    private static string WithId(string body, int i) => i % 2 == 0 ? body : $"{body[..^1]}, \"id\": {i}}}";

    /// <summary>Returns the bytes that the server allocates while it serves the batch many times.</summary>
    private static long Measure(TestClient client, byte[] batch) => Inline.Run(() =>
    {
        // The client also runs on this thread.
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Rounds; i++)
        {
            client.SendInline(batch);
            client.Discard();
        }
        return GC.GetAllocatedBytesForCurrentThread() - before;
    });
}
