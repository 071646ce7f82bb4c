using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Import;

/// <summary>The operations of some consecutive lines, as one BATCH. It is reused, and has a request id of its own.</summary>
internal sealed class ImportBatch(string requestId)
{
    /// <summary>The maximum number of operations: the server's limit.</summary>
    public const int OperationsMax = 1_000;

    /// <summary>The maximum length of the operations. A single longer one has a batch of its own.</summary>
    public const int BytesMax = 4 * 1024 * 1024;

    private readonly ByteText _text = new(256 * 1024);
    private readonly ByteText _request = new(1_024);
    private readonly ByteText _response = new();
    private readonly int[] _starts = new int[OperationsMax + 1];
    private readonly long[] _lines = new long[OperationsMax];
    private readonly HashSet<int> _keys = [];
    private long _sequence;

    public int Count { get; private set; }

    /// <summary>The position after the last line of the batch, counting lines without operations.</summary>
    public ImportState End { get; set; } = new();

    /// <summary>Whether the batch must not be sent before all earlier ones have ended: it has a key of one of them.</summary>
    public bool Waits { get; set; }

    /// <summary>The call of a batch that was sent.</summary>
    public Task Call { get; private set; } = Task.CompletedTask;

    public bool IsFull => Count == OperationsMax || _text.Length >= BytesMax;

    /// <summary>Whether a line of this length must be in another batch.</summary>
    public bool Excludes(int lineBytes) => Count > 0 && _text.Length + lineBytes > BytesMax;

    /// <summary>Whether the batch may have a key. A false match only costs time.</summary>
    public bool MayContain(int keyHash) => _keys.Contains(keyHash);

    public void Add(scoped in ImportLine line, bool isExpired, int keyHash, long number)
    {
        _starts[Count] = Count == 0 ? 0 : _text.Length + BatchText.Separator.Length;
        _lines[Count++] = number;
        _keys.Add(keyHash);
        if (line.Kind == LineKind.Delete || isExpired) BatchText.Delete(_text, line.Key);
        else if (line.Kind == LineKind.SetExpiry) BatchText.Expire(_text, line.Key, line.ExpiresAt);
        else BatchText.Put(_text, line.Key, line.Value, line.ExpiresAt);
    }

    /// <summary>Returns the number of the line of an operation.</summary>
    public long LineOf(int index) => _lines[index];

    /// <summary>Sends the batch. A repetition has the same request id, so the server executes it once.</summary>
    public void Send(KestrelKvClient client, CancellationToken stop)
    {
        _request.Clear();
        _response.Clear();
        _request.Add("\"ops\": ["u8).Add(_text.Span).Add("], \"request_id\": "u8).Add(EntryJson.String(requestId));
        _request.Add(", \"request_seq\": "u8).Add(++_sequence);
        Call = client.CallUtf8Async("BATCH", _request.Memory, _response, mayRepeat: true, cancellationToken: stop).AsTask();
    }

    /// <summary>Removes an operation that the server has refused.</summary>
    public void Remove(int index)
    {
        var kept = new ByteText(_text.Length + 1);
        for (int i = 0, count = 0; i < Count; i++)
        {
            if (i == index) continue;
            int end = i + 1 < Count ? _starts[i + 1] - BatchText.Separator.Length : _text.Length;
            ReadOnlySpan<byte> operation = _text.Span[_starts[i]..end];
            BatchText.Separate(kept);
            (_starts[count], _lines[count]) = (kept.Length, _lines[i]);
            kept.Add(operation);
            count++;
        }
        Count--;
        _text.Clear();
        _text.Add(kept.Span);
    }

    /// <summary>Empties the batch after its call has ended.</summary>
    public void Clear()
    {
        _text.Clear();
        _request.Clear();
        _keys.Clear();
        (Count, Waits, Call) = (0, false, Task.CompletedTask);
    }
}
