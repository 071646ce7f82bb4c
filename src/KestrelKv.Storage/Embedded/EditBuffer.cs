using System.Buffers;

namespace KestrelKv.Storage.Embedded;

/// <summary>A buffer for the text of an edited value, one for each thread. A long one is not kept.</summary>
internal readonly ref struct EditBuffer : IDisposable
{
    /// <summary>The longest buffer that a thread keeps: 64 KiB.</summary>
    private const int KeptBytesMax = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? ofThread;

    private EditBuffer(ArrayBufferWriter<byte> text) => Text = text;

    /// <summary>The buffer, which is empty at first.</summary>
    public ArrayBufferWriter<byte> Text { get; }

    /// <summary>Takes the thread's buffer; a nested call gets another one.</summary>
    public static EditBuffer Rent()
    {
        ArrayBufferWriter<byte> text = ofThread ?? new();
        ofThread = null;
        return new(text);
    }

    public void Dispose()
    {
        if (Text.Capacity > KeptBytesMax) return;
        Text.ResetWrittenCount();
        ofThread = Text;
    }
}
