namespace KestrelKv.Transport;

/// <summary>A file that an <see cref="EventLoop"/> watches.</summary>
internal interface ILoopFile
{
    /// <summary>The number of the file.</summary>
    int File { get; }

    /// <summary>Handles events, on the loop's thread. They may be those of an earlier file with the same number.</summary>
    void OnEvents(uint events);
}
