using System.Text;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>The keys of a client, and the one value of each.</summary>
internal sealed class ClientData
{
    private readonly byte[][] _values;

    /// <param name="keys">The number of keys. They follow those of the generator (<see cref="Load"/>), which writes other values.</param>
    /// <param name="valueBytes">The length of a value.</param>
    /// <param name="seed">The seed of the values. It differs between clients, so that a client cannot read back another's values.</param>
    public ClientData(int keys, int valueBytes, int seed)
    {
        var random = new LoadRandom(seed);
        (string head, int digitBytes, string tail) = LoadData.ShapeOf(valueBytes);
        Keys = [.. Enumerable.Range(keys, keys).Select(LoadData.KeyOf)];
        _values = [.. Keys.Select(_ => (byte[])
        [
            .. Encoding.ASCII.GetBytes(head), .. LoadData.RandomDigits(digitBytes, random), .. Encoding.ASCII.GetBytes(tail),
        ])];
    }

    public IReadOnlyList<string> Keys { get; }

    public byte[] ValueOf(int key) => _values[key];

    public bool IsValueOf(int key, ReadOnlySpan<byte> value) => value.SequenceEqual(_values[key]);
}
