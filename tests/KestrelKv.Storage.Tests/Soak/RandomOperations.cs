using System.Globalization;
using System.Text;

namespace KestrelKv.Storage.Tests.Soak;

/// <summary>Generates random operations and listings on a set of keys, with all kinds, preconditions, sizes and expiries.</summary>
internal sealed class RandomOperations(Random random, byte[][] keys, TimeProvider time)
{
    private static readonly byte[] Letters = MakeLetters();

    public int ValueBytesMax { get; init; } = 300;

    public int BatchMax { get; init; } = 200;

    /// <summary>The maximum time until an expiry, apart from some in the most distant future.</summary>
    public TimeSpan ExpiryMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The percentage of writes that delete a key.</summary>
    public int DeletesPercent { get; set; } = 30;

    public bool IncludesDescending { get; init; }

    /// <summary>Whether reads extend expiries. After a crash, an entry may then have an earlier expiry than it had.</summary>
    public bool IncludesTouches { get; init; }

    /// <summary>Returns the version of a key's entry, for preconditions that should hold; 0 if there is none.</summary>
    public Func<ReadOnlyMemory<byte>, long> VersionOf { get; init; } = _ => 0;

    public Func<long> LastVersion { get; init; } = () => 0;

    /// <summary>Creates a value for a key, of at least this many bytes.</summary>
    public Func<ReadOnlyMemory<byte>, int, ReadOnlyMemory<byte>>? MakeValue { get; init; }

    /// <summary>Returns a batch of random length, mostly short.</summary>
    public Operation[] Batch() => [.. Enumerable.Range(0, 1 + random.UpTo(BatchMax - 1)).Select(_ => On(Key()))];

    public Operation[] BatchOfDistinctKeys() => [.. Batch().DistinctBy(operation => operation.Key.ToArray(), KeyComparer.Instance)];

    public Operation On(ReadOnlyMemory<byte> key)
    {
        Operation operation = random.Next(10) switch
        {
            0 when IncludesTouches => Operation.Touch(key, Expiry()),
            < 3 => Operation.Get(key),
            3 => Operation.Expire(key, Expiry()),
            4 when MakeValue is null => Edit(key),
            _ => random.Next(100) < DeletesPercent ? Operation.Delete(key) : Put(key),
        };
        return operation with
        {
            Precondition = PreconditionOn(key),
            ReturnsOld = operation.IsWrite && operation.Kind != OperationKind.Expire && random.Next(8) == 0,
            Path = operation.Kind == OperationKind.Get && MakeValue is null && random.Next(8) == 0 ? Path() : operation.Path,
        };
    }

    public Operation Put(ReadOnlyMemory<byte> key) => Operation.Put(key, Value(key), Expiry());

    public ListQuery Query() => new()
    {
        Prefix = random.Next(2) == 0 ? default : PrefixOf(Key()),
        After = random.Next(2) == 0 ? default : Key(),
        Until = random.Next(4) == 0 ? Key() : default,
        Descending = IncludesDescending && random.Next(3) == 0,
        Limit = 1 + random.UpTo(999),
    };

    /// <summary>Returns the number of results or entries after which to stop; mostly unlimited.</summary>
    public int StopAfter(int count) => random.Next(4) == 0 ? random.Next(1, count + 1) : int.MaxValue;

    private ReadOnlyMemory<byte> PrefixOf(ReadOnlyMemory<byte> key) => key[..random.Next(1, key.Length + 1)];

    private ReadOnlyMemory<byte> Key() => keys[random.Next(keys.Length)];

    private ReadOnlyMemory<byte> Value(ReadOnlyMemory<byte> key)
    {
        int bytes = random.UpTo(ValueBytesMax);
        if (MakeValue is not null) return MakeValue(key, bytes);
        if (random.Next(4) == 0) return Encoding.UTF8.GetBytes(random.Next().ToString(CultureInfo.InvariantCulture));
        string text = Encoding.UTF8.GetString(Letters.AsSpan(random.Next(Letters.Length - bytes), bytes));
        return Encoding.UTF8.GetBytes(random.Next(2) == 0 ? $"\"{text}\"" : $$"""{"n":{{random.Next(100)}}, "t": "{{text}}"}""");
    }

    /// <summary>Returns an edit of a part that a value may or may not have.</summary>
    private Operation Edit(ReadOnlyMemory<byte> key)
    {
        Operation edit = random.Next(5) switch
        {
            0 => Operation.PutAt(key, Path(), Value(key)),
            1 =>
                Operation.MergePatch(
                    key, Encoding.UTF8.GetBytes($$"""{"n": {{random.Next(9)}}, "{{(char)('a' + random.Next(4))}}": null}""")),
            2 => Operation.JsonPatch(key, Encoding.UTF8.GetBytes($$"""[{"op": "replace", "path": "/n", "value": {{random.Next(9)}}}]""")),
            3 => Operation.Increment(key, "1"u8.ToArray()) with { Path = Path() },
            _ => Operation.Increment(key, "-7"u8.ToArray()),
        };
        return random.Next(3) == 0 ? edit.WithExpiry(Expiry()) : edit;
    }

    private byte[] Path() => random.Next(3) switch
    {
        0 => "/n"u8.ToArray(),
        1 => "/t"u8.ToArray(),
        _ => "/a/b"u8.ToArray(),
    };

    private Precondition PreconditionOn(ReadOnlyMemory<byte> key) => random.Next(24) switch
    {
        0 => Precondition.Absent,
        1 or 2 => Precondition.Present,
        3 => Precondition.Version(0),
        4 => Precondition.Version(LastVersion() + 1), // the version of the next commit
        5 or 6 => Precondition.Version(VersionOf(key)),
        7 => Precondition.Version(Math.Max(0, VersionOf(key) - random.Next(1, 3))),
        _ => Precondition.None,
    };

    private long Expiry()
    {
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return random.Next(8) switch
        {
            0 => now - random.Next(2),
            1 or 2 => now + 1 + random.UpTo((int)ExpiryMax.TotalMilliseconds),
            3 => Operation.ExpiresAtMax - random.Next(2),
            _ => Operation.Never,
        };
    }

    /// <summary>Returns random letters, which are valid in stores that convert values to text.</summary>
    private static byte[] MakeLetters()
    {
        byte[] letters = new byte[1 << 20];
        new Random(1).GetItems<byte>("abcdefghijklmnopqrstuvwxyz"u8.ToArray(), letters);
        return letters;
    }
}
