using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Data files with damage at every offset. Recovery restores the state before the damage, or fails if the damaged data provably was
/// durable.
/// </summary>
public sealed class EveryByteTests
{
    /// <summary>One of this many recoveries is followed by a write, a crash and another recovery.</summary>
    private const int ContinueEvery = 16;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Open_FlippedBit_RecoversPrefixOrFails(bool snapshot, bool mark) => ForEachFile(snapshot, mark, (log, name, random) =>
    {
        byte[] contents = log.Contents(name);
        for (int bit = 0; bit < contents.Length * 8; bit++)
        {
            byte[] damaged = [.. contents];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Check(log, name, damaged, $"bit {bit % 8} of offset {bit / 8}", random);
        }
    });

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Open_TruncatedFile_RecoversPrefixOrFails(bool snapshot, bool mark) => ForEachFile(snapshot, mark, (log, name, random) =>
    {
        byte[] contents = log.Contents(name);
        for (int at = 0; at < contents.Length; at++) Check(log, name, contents[..at], $"cut at {at}", random);
    });

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Open_ZeroedTail_RecoversPrefixOrFails(bool snapshot, bool mark) => ForEachFile(snapshot, mark, (log, name, random) =>
    {
        byte[] contents = log.Contents(name);
        for (int at = 0; at < contents.Length; at++)
        {
            byte[] damaged = [.. contents];
            damaged.AsSpan(at).Clear();
            Check(log, name, damaged, $"zeros from {at} on", random);
        }
    });

    /// <summary>As if a file system assigned blocks of other files, or of an older file of the same log.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Open_TailOfAnotherSegment_RecoversPrefixOrFails(bool snapshot, bool mark) =>
        ForEachFile(snapshot, mark, (log, name, random) =>
    {
        byte[] contents = log.Contents(name);
        foreach (string other in log.UsedSegments.Where(other => other != name))
        {
            byte[] foreign = log.Contents(other);
            for (int at = 0; at < Math.Min(contents.Length, foreign.Length); at++)
                Check(log, name, [.. contents[..at], .. foreign[at..]], $"{other} from {at} on", random);
        }
    });

    private static void ForEachFile(bool snapshot, bool mark, Action<BuiltLog, string, Random> check) => Seeds.Run(random =>
    {
        var log = new BuiltLog(random, snapshot, mark);
        Assert.InRange(log.Names.Length, 4, 20);
        foreach (string name in log.Names) check(log, name, random);
    });

    private static void Check(BuiltLog log, string name, byte[] damaged, string what, Random random)
    {
        try
        {
            log.AssertRecovers(name, damaged, continues: random.Next(ContinueEvery) == 0);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{name}, {what}: {e.Message}", e);
        }
    }
}
