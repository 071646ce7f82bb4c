namespace KestrelKv.Benchmarks.Loads;

/// <summary>What all connections of a load share: no more than one of them is served at a time.</summary>
internal sealed class LoadScratch
{
    /// <summary>At how many places of the prepared digits a value may begin.</summary>
    public const int DigitStarts = 65_536;

    /// <summary>Larger than most rounds, and small enough to stay in a core's cache.</summary>
    private const int BufferBytesMin = 256 * 1_024;

    public LoadScratch(LoadOptions options, LoadRandom random)
    {
        LoadProtocol protocol = options.Protocol;
        GetRequest = protocol.ShapeOf(protocol.GetRequest, options.ValueBytes);
        GetReply = protocol.ShapeOf(protocol.GetReply, options.ValueBytes);
        PutRequest = protocol.ShapeOf(protocol.PutRequest, options.ValueBytes);
        PutReply = protocol.ShapeOf(protocol.PutReply, options.ValueBytes);
        Digits = LoadData.RandomDigits(DigitStarts + options.ValueBytes, random);
        Requests = new byte[Math.Max(BufferBytesMin, PutRequest.Length)];
    }

    public MessageShape GetRequest { get; }

    public MessageShape GetReply { get; }

    public MessageShape PutRequest { get; }

    public MessageShape PutReply { get; }

    public byte[] Digits { get; }

    /// <summary>For requests that are about to be sent: at least one of the longest.</summary>
    public byte[] Requests { get; }

    /// <summary>For replies that were just received.</summary>
    public byte[] Replies { get; } = new byte[BufferBytesMin];

    public MessageShape RequestOf(LoadRequest request) => request.IsPut ? PutRequest : GetRequest;

    public MessageShape ReplyTo(LoadRequest request) => request.IsPut ? PutReply : GetReply;
}
