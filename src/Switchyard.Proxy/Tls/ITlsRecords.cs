namespace Switchyard.Proxy.Tls;

/// <summary>
/// What turns a socket's bytes into content and back. Nothing here waits: what the socket cannot do at once is told, and tried again when the loop has
/// word. Reader and writer may be on different threads.
/// </summary>
internal interface ITlsRecords : IDisposable
{
    /// <summary>
    /// Bytes taken from the socket without any content in them: a record has 16 KB, and tickets some more. A peer that sends nothing but new keys, and fast,
    /// would be listened to for ever.
    /// </summary>
    const int MostWithoutContent = 64 * 1024;

    const string Closed = "The connection was closed.";
    const string GivenUp = "A message was given up while it was being sent; the connection can only be closed.";

    /// <summary>Bytes have been taken from the socket that nobody has read.</summary>
    bool HasPending { get; }

    /// <summary>The reader has something to answer that the socket has no room for, and must try again when it has.</summary>
    bool ReadWantsOutput { get; }

    /// <summary>Reads what there is; 0 at the end, -1 when there is nothing yet.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    int Read(Span<byte> buffer);

    /// <summary>Before each write of other bytes than those tried last.</summary>
    /// <exception cref="IOException">A write was given up that has been sent in part.</exception>
    void BeginWrite();

    /// <summary>
    /// Writes as many of these bytes as go into one sending, or what was left of it, and says how many; -1 when there is no room. The same bytes must then be
    /// tried again.
    /// </summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    int Write(ReadOnlySpan<byte> bytes);

    /// <summary>Tells the peer, if that can be done at once, that nothing more will come: an end without that could be anybody's. Nothing may be written afterwards.</summary>
    void End();
}
