namespace KestrelKv.Benchmarks.Loads;

/// <summary>The buffers that all connections of a load share. Only one connection is served at a time.</summary>
internal sealed class LoadScratch
{
    /// <summary>The number of offsets in the prepared digits at which a value may start.</summary>
    public const int DigitStarts = 65_536;

    /// <summary>Larger than most rounds, small enough for a core's cache.</summary>
    private const int BufferBytesMin = 256 * 1_024;

    private readonly MessageShape _getRequest;
    private readonly MessageShape _getReply;
    private readonly MessageShape _putRequest;
    private readonly MessageShape _putReply;

    public LoadScratch(LoadOptions options, LoadRandom random)
    {
        LoadProtocol protocol = options.Protocol;
        _getRequest = protocol.ShapeOf(protocol.GetRequest, options.ValueBytes);
        _getReply = protocol.ShapeOf(protocol.GetReply, options.ValueBytes);
        _putRequest = protocol.ShapeOf(protocol.PutRequest, options.ValueBytes);
        _putReply = protocol.ShapeOf(protocol.PutReply, options.ValueBytes);
        Digits = LoadData.RandomDigits(DigitStarts + options.ValueBytes, random);
        Requests = new byte[Math.Max(BufferBytesMin, _putRequest.Length)];
    }

    public byte[] Digits { get; }

    /// <summary>The buffer for requests to send; it holds at least one of the longest.</summary>
    public byte[] Requests { get; }

    public byte[] Replies { get; } = new byte[BufferBytesMin];

    public MessageShape RequestOf(LoadRequest request) => request.IsPut ? _putRequest : _getRequest;

    public MessageShape ReplyTo(LoadRequest request) => request.IsPut ? _putReply : _getReply;
}
