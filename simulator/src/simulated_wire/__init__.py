"""What simulated servers share: the frames of a conversation by HTTP, and a server of their own."""
